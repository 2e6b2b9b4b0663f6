"""From a line of stages to Ray Data plans: one, or one between any two checkpoints."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ray.data import ActorPoolStrategy, Dataset

from pipelinerun.api.definition import Runtime, Stage
from pipelinerun.engine import printing
from pipelinerun.engine.course import Course
from pipelinerun.engine.keeper import Keeper
from pipelinerun.engine.loading import load
from pipelinerun.engine.plan import StagePlan
from pipelinerun.engine.resources import (
    bounded,
    default_actor_cpus,
    reservation_of,
    scale_of,
    source_cpus,
)
from pipelinerun.engine.sinks import takes_dataset
from pipelinerun.engine.sources import dataset_of
from pipelinerun.engine.stage_task import StageActor, count, run_function
from pipelinerun.engine.start import Start

DEFAULT_BATCH = 1024


class Compiler:
    """Compiles and executes the stages of one run."""

    def __init__(
        self,
        stages: Sequence[Stage],
        runtime: Runtime,
        plan_of: Callable[[Stage], StagePlan],
        *,
        keeper: Keeper,
        cpus: float,
        options: dict[str, Any],
    ) -> None:
        self._stages = stages
        self._runtime = runtime
        self._plan_of = plan_of
        self._keeper = keeper
        self._cpus = cpus
        self._actor_cpus = default_actor_cpus(stages, runtime, cpus)
        self._options = options

    def execute(self, course: Course, start: Start | None) -> None:
        """Run the stages to the end; with a ``start`` those behind its checkpoint."""
        *front, sink = self._stages
        kept, takes_all = front[-1].checkpoint is not None, takes_dataset(sink)
        if kept or not takes_all:
            course.counted.add(sink.name)
        if start is None:
            dataset, one_task = self._read(front[0], course)
            done, entrance = 1, front[0].name not in course.counted
        else:
            dataset, one_task = self._keeper.start(start, course), False
            done, entrance = len(start.skipped), True
        for stage in front[done:]:
            dataset = self._apply(dataset, stage, entrance=entrance)
            dataset = self._keeper.keep(stage, dataset, course, one_task=one_task)
            entrance, one_task = False, one_task and stage.checkpoint is None
        if not takes_all:
            _consume(self._apply(dataset, sink, entrance=entrance))
            return
        if kept or entrance:
            counter = sink if kept else front[0]
            dataset = self._count(dataset, counter, entrance=entrance)
            course.counted.add(counter.name)
        course.current = sink.name
        assert sink.callable is not None
        with printing.of_stage(self._plan_of(sink).run, sink.name):
            load(sink.callable)(dataset, **sink.config)

    def _read(self, source: Stage, course: Course) -> tuple[Dataset, bool]:
        """The rows of the source, and whether one task puts them all out."""
        course.current = source.name
        reservation = reservation_of(source, source_cpus(self._stages, self._cpus))
        options = {**self._options, **reservation}
        plan = self._plan_of(source)
        with printing.of_stage(plan.run, source.name):
            dataset, yields = dataset_of(plan, options)
        taken = reservation.get("num_cpus", 1.0) if yields else 0.0
        self._actor_cpus = default_actor_cpus(self._stages, self._runtime, self._cpus, taken=taken)
        if source.checkpoint is not None and not yields:
            dataset = self._count(dataset, source, entrance=True)
        if source.checkpoint is not None or yields:
            course.counted.add(source.name)
        dataset = self._keeper.keep(source, dataset, course, one_task=yields)
        return dataset, yields and source.checkpoint is None

    def _apply(self, dataset: Dataset, stage: Stage, *, entrance: bool) -> Dataset:
        plan = replace(self._plan_of(stage), entrance=entrance)
        shape: dict[str, Any] = {"batch_size": None, "batch_format": None}
        if stage.per == "Batch":
            shape = {
                "batch_size": stage.batch_size or DEFAULT_BATCH,
                "batch_format": stage.batch_format or "numpy",
            }
        if stage.resources and stage.resources.gpus and shape["batch_size"] is None:
            shape["batch_size"] = DEFAULT_BATCH  # Ray Data wants it to be said
        scale = scale_of(stage, self._runtime)
        if stage.actor is None:
            options = {**self._options, **reservation_of(stage, None)}
            if scale.maximum is not None:
                options["concurrency"] = scale.maximum
            return dataset.map_batches(run_function, fn_kwargs={"plan": plan}, **shape, **options)
        reservation = reservation_of(stage, self._actor_cpus)
        scale = bounded(scale, reservation, self._cpus)
        pool = ActorPoolStrategy(min_size=scale.minimum, max_size=scale.maximum)
        options = {**self._options, **reservation}
        return dataset.map_batches(
            StageActor, fn_constructor_kwargs={"plan": plan}, compute=pool, **shape, **options
        )

    def _count(self, dataset: Dataset, stage: Stage, *, entrance: bool) -> Dataset:
        return dataset.map_batches(
            count,
            batch_size=None,
            batch_format="pyarrow",
            fn_kwargs={"plan": replace(self._plan_of(stage), entrance=entrance)},
            **self._options,
        )


def _consume(dataset: Dataset) -> None:
    """Run a plan whose last stage leaves no rows."""
    for _ in dataset.iter_batches(batch_size=None, prefetch_batches=0):
        pass
