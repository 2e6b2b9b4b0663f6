"""From a line of stages to a Ray Data plan."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ray.data import ActorPoolStrategy, Dataset

from pipelinerun.api.definition import Runtime, Stage
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

DEFAULT_BATCH = 1024


@dataclass(frozen=True)
class Compiled:
    """A plan ready to run.

    Attributes:
        execute: runs it to the end.
        counted: stages that report their own rows; the others are counted by their neighbours.
    """

    execute: Callable[[], None]
    counted: frozenset[str]


class Compiler:
    """Compiles the stages of one run."""

    def __init__(
        self,
        stages: Sequence[Stage],
        runtime: Runtime,
        plan_of: Callable[[Stage], StagePlan],
        *,
        cpus: float,
        options: dict[str, Any],
    ) -> None:
        self._stages = stages
        self._runtime = runtime
        self._plan_of = plan_of
        self._cpus = cpus
        self._actor_cpus = 1.0
        self._options = options

    def compile(self, enter: Callable[[str], None]) -> Compiled:
        """Build the plan. ``enter`` is told whose code is about to be called in this process."""
        source, *middle, sink = self._stages
        enter(source.name)
        reservation = reservation_of(source, source_cpus(self._stages, self._cpus))
        options = {**self._options, **reservation}
        dataset, source_counted = dataset_of(self._plan_of(source), options)
        counted = {source.name} if source_counted else set()
        taken = reservation.get("num_cpus", 1.0) if source_counted else 0.0
        self._actor_cpus = default_actor_cpus(self._stages, self._runtime, self._cpus, taken=taken)
        for stage in middle:
            dataset = self._apply(dataset, stage, entrance=not counted)
            counted.add(stage.name)
        if takes_dataset(sink):
            if not counted:
                dataset = self._count(dataset, source)
                counted.add(source.name)
            return Compiled(self._write(dataset, sink, enter), frozenset(counted))
        consumed = self._apply(dataset, sink, entrance=not counted)
        return Compiled(lambda: _consume(consumed), frozenset({*counted, sink.name}))

    def _apply(self, dataset: Dataset, stage: Stage, *, entrance: bool) -> Dataset:
        plan = replace(self._plan_of(stage), entrance=entrance)
        shape: dict[str, Any] = {"batch_size": None, "batch_format": None}
        if stage.per == "Batch":
            shape = {
                "batch_size": stage.batch_size or DEFAULT_BATCH,
                "batch_format": stage.batch_format or "numpy",
            }
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

    def _count(self, dataset: Dataset, stage: Stage) -> Dataset:
        return dataset.map_batches(
            count,
            batch_size=None,
            batch_format="pyarrow",
            fn_kwargs={"plan": self._plan_of(stage)},
            **self._options,
        )

    def _write(
        self, dataset: Dataset, sink: Stage, enter: Callable[[str], None]
    ) -> Callable[[], None]:
        def execute() -> None:
            enter(sink.name)
            assert sink.callable is not None
            load(sink.callable)(dataset, **sink.config)

        return execute


def _consume(dataset: Dataset) -> None:
    """Run a plan whose last stage leaves no rows."""
    for _ in dataset.iter_batches(batch_size=None, prefetch_batches=0):
        pass
