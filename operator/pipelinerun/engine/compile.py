"""From a graph of stages to plans of Ray Data, as they are laid out."""

from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from ray.data import ActorPoolStrategy, Dataset, TaskPoolStrategy

from pipelinerun.api.definition import Runtime
from pipelinerun.api.stage import Stage
from pipelinerun.api.topology import Topology
from pipelinerun.engine import printing
from pipelinerun.engine.course import Course
from pipelinerun.engine.keeper import Keeper
from pipelinerun.engine.layout import Plan, Step, plans_of
from pipelinerun.engine.loading import load
from pipelinerun.engine.low_latency import NO_BATCHES, low_latency
from pipelinerun.engine.plan import StagePlan
from pipelinerun.engine.queues import Queues
from pipelinerun.engine.resources import (
    bounded,
    default_actor_cpus,
    reservation_of,
    scale_of,
    source_cpus,
)
from pipelinerun.engine.sinks import reads_once, takes_dataset
from pipelinerun.engine.sources import dataset_of
from pipelinerun.engine.stage_task import (
    DEFAULT_BATCH,
    StageActor,
    pass_on,
    run_function,
    take_out,
)

_APART = {"memory": 0.0}
"""Reserves nothing, but not as a source does: Ray Data would run a source, which is one task,
within the first replica of a class behind it, and the others would get nothing."""


class Compiler:
    """Compiles and executes the stages of one run."""

    def __init__(
        self,
        topology: Topology,
        runtime: Runtime,
        plan_of: Callable[[Stage], StagePlan],
        *,
        keeper: Keeper,
        queues: Queues,
        cpus: float,
        options: dict[str, Any],
    ) -> None:
        self._topology = topology
        self._queues = queues
        self._stages = [*topology.stages.values()]
        self._runtime = runtime
        self._plan_of = plan_of
        self._keeper = keeper
        self._cpus = cpus
        self._actor_cpus = 0.0
        self._entering: set[str] = set()
        self._options = options

    def execute(self, course: Course, restored: Collection[str]) -> None:
        """Run the stages to the end, but for those up to the ``restored`` ones."""
        given = {it.name: reads_once(it) for it in self._stages if takes_dataset(it)}
        plans = plans_of(self._topology, given=given, restored=restored)
        uncounted = {it.name for it in self._stages if it.type == "source"}
        uncounted |= {it.name for plan in plans for it in plan.given if not plan.counts(it)}
        course.counted |= self._topology.stages.keys() - uncounted
        for plan in plans:
            dataset, one_task, streams = self._dataset(plan, course)
            with low_latency() if streams else nullcontext():
                if plan.kept is not None:
                    self._keeper.keep(plan.kept, dataset, course, one_task=one_task)
                elif plan.given:
                    self._give(plan, dataset, course)
                else:
                    _consume(dataset)

    def _dataset(self, plan: Plan, course: Course) -> tuple[Dataset, bool, bool]:
        """What comes out of a plan, whether one task puts all of it out, and whether it streams."""
        taken: list[float] = []
        brought = {
            it.stage.name: self._brought(plan, it, course, taken) for it in plan.steps if it.brings
        }
        self._actor_cpus = default_actor_cpus(
            self._stages, self._runtime, self._cpus, taken=sum(taken)
        )
        streams = bool(taken) and self._may_stream(plan)
        rows: dict[str, Dataset] = {}
        parcels: list[Dataset] = []
        for step, *behind in plan.lines(self._is_undemanding if streams else _nobody):
            if step.brings:
                dataset = brought[step.stage.name]
            elif step.parcels:
                dataset, parcels = self._apply(_union(parcels), step, behind, streams=streams), []
            else:
                joined = _union([rows.pop(it) for it in step.before])
                dataset = self._apply(joined, step, behind, streams=streams)
            last = behind[-1] if behind else step
            if last.to or last.parcels:
                parcels.append(dataset)
            else:
                rows[last.stage.name] = dataset
        return _union([*rows.values(), *parcels]), bool(taken), streams

    def _brought(self, plan: Plan, step: Step, course: Course, taken: list[float]) -> Dataset:
        """The rows of a source or a checkpoint. Adds the CPUs that a source takes while it yields.

        Rows that Ray Data reads enter the pipeline at the next stage, if that takes no others. What
        this run has kept has entered it before.
        """
        name = step.stage.name
        if step.restored:
            dataset = self._keeper.rows(step.stage, course)
        else:
            dataset, cpus = self._read(plan, step, course)
            if cpus is not None:
                taken.append(cpus)
                course.counted.add(name)
                return dataset
        enters = not step.restored or name in course.skipped
        queued = any(map(self._queues.size, self._topology.after[name]))
        if enters and plan.direct(step) and not queued:
            self._entering.add(name)
            return dataset
        if not (enters or step.packs):
            return dataset
        if not step.restored:
            course.counted.add(name)
        of_stage = replace(self._plan_of(step.stage), entrance=enters, to=step.to)
        return self._map(dataset, pass_on, plan=of_stage, counted=not step.restored)

    def _read(self, plan: Plan, step: Step, course: Course) -> tuple[Dataset, float | None]:
        """The rows of a source, and the CPUs that it takes while it yields; None for a reader."""
        course.current = step.stage.name
        reservation = reservation_of(step.stage, source_cpus(self._stages, self._cpus))
        of_source = replace(
            self._plan_of(step.stage),
            to=step.to,
            streams=self._may_stream(plan),
            queued=self._queues.reached_from(step.stage.name),
        )
        with printing.of_stage(of_source.run, step.stage.name):
            dataset, yields = dataset_of(of_source, {**self._options, **reservation})
        return dataset, reservation.get("num_cpus", 1.0) if yields else None

    def _may_stream(self, plan: Plan) -> bool:
        """Whether rows of a source that yields go on at once.

        They do unless many together are wanted in the end; and also then if a queue is bounded,
        since what is held back must not wait for more.
        """
        bounded = any(self._queues.size(it.stage.name) for it in plan.steps)
        return bounded or (plan.kept is None and not plan.given)

    def _is_undemanding(self, stage: Stage) -> bool:
        """Whether a stage is a function that asks for nothing: replicas, resources, a queue."""
        asks = bool(reservation_of(stage, None)) or self._queues.size(stage.name) is not None
        return not (stage.actor or asks) and scale_of(stage, self._runtime).maximum is None

    def _stage_plan(self, step: Step, *, streams: bool) -> StagePlan:
        batches = None
        if streams and step.stage.per == "Batch" and not step.parcels:
            batches = self._batches(step.stage)  # Ray Data would wait until a batch is full
        return replace(
            self._plan_of(step.stage),
            streams=streams,
            entrance=len(step.before) == 1 and step.before[0] in self._entering,
            parcels=step.parcels,
            to=step.to,
            batches=batches,
        )

    def _apply(
        self, dataset: Dataset, step: Step, behind: Sequence[Step], *, streams: bool
    ) -> Dataset:
        """A stage over a dataset; a class with the functions ``behind`` it."""
        stage = step.stage
        plans = [self._stage_plan(it, streams=streams) for it in (step, *behind)]
        shape: dict[str, Any] = {"batch_size": None, "batch_format": None}
        if stage.per == "Batch" and not step.parcels and not streams:
            shape = dict(zip(shape, self._batches(stage), strict=True))
        if stage.resources and stage.resources.gpus and shape["batch_size"] is None:
            # Ray Data wants it to be said.
            shape["batch_size"] = NO_BATCHES if streams or step.parcels else DEFAULT_BATCH
        scale = scale_of(stage, self._runtime)
        if stage.actor is None:
            tasks = TaskPoolStrategy(scale.maximum)
            options = {**self._options, **reservation_of(stage, None)}
            return dataset.map_batches(
                run_function, fn_kwargs={"plan": plans[0]}, compute=tasks, **shape, **options
            )
        reservation = reservation_of(stage, self._actor_cpus)
        scale = bounded(scale, reservation, self._cpus)
        pool = ActorPoolStrategy(min_size=scale.minimum, max_size=scale.maximum)
        options = {**self._options, **(_APART if streams else {}), **reservation}
        return dataset.map_batches(
            StageActor, fn_constructor_kwargs={"plans": plans}, compute=pool, **shape, **options
        )

    def _batches(self, stage: Stage) -> tuple[int, str]:
        """Rows of a stage's batches, and their format.

        No more rows than there can be on their way, or a batch would never be full.
        """
        bound = self._queues.size(stage.name) or DEFAULT_BATCH
        return stage.batch_size or min(DEFAULT_BATCH, bound), stage.batch_format or "numpy"

    def _give(self, plan: Plan, dataset: Dataset, course: Course) -> None:
        """Call the sinks that are given what comes out of a plan."""
        if plan.held:
            dataset = dataset.materialize()
        for sink in plan.given:
            of_sink = self._plan_of(sink)
            rows = dataset
            if plan.parcels:
                rows = self._map(dataset, take_out, plan=of_sink)
            elif plan.counts(sink):
                rows = self._map(dataset, pass_on, plan=of_sink, counted=True)
            course.current = sink.name
            assert sink.callable is not None
            with printing.of_stage(of_sink.run, sink.name):
                load(sink.callable)(rows, **sink.config)

    def _map(self, dataset: Dataset, function: Callable[..., Any], **given: Any) -> Dataset:
        return dataset.map_batches(
            function, batch_size=None, batch_format="pyarrow", fn_kwargs=given, **self._options
        )


def _nobody(_stage: Stage) -> bool:
    return False


def _union(datasets: Sequence[Dataset]) -> Dataset:
    first, *others = datasets
    return first.union(*others) if others else first


def _consume(dataset: Dataset) -> None:
    """Run a plan whose last stages leave no rows."""
    for _ in dataset.iter_batches(batch_size=None, prefetch_batches=0):
        pass
