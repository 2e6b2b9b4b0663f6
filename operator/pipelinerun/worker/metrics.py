"""Prometheus metrics of one attempt."""

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipelinerun.api.job import RunIdentity
from pipelinerun.api.status import StageStatus
from pipelinerun.worker.board import Board

_LABELS = ("namespace", "run", "stage")
_COUNTERS: Sequence[tuple[str, str, Callable[[StageStatus], float]]] = (
    ("rows_in", "Rows that went into a stage.", lambda it: it.rows_in),
    ("rows_out", "Rows that came out of a stage.", lambda it: it.rows_out),
    ("errors", "Calls of a stage that raised.", lambda it: it.errors),
    ("seconds", "Seconds spent in a stage's code, over its replicas.", lambda it: it.seconds),
)


class _StageCollector(Collector):
    def __init__(self, run: RunIdentity, board: Board) -> None:
        self._run, self._board = run, board

    def collect(self) -> Iterable[Metric]:
        stages = self._board.stages
        labels = (self._run.namespace, self._run.name)
        for name, help_, value in _COUNTERS:
            counter = CounterMetricFamily(f"pipelinerun_stage_{name}", help_, labels=_LABELS)
            for stage in stages:
                counter.add_metric((*labels, stage.name), value(stage))
            yield counter
        replicas = GaugeMetricFamily(
            "pipelinerun_stage_replicas", "Processes that work for a stage.", labels=_LABELS
        )
        for stage in stages:
            replicas.add_metric((*labels, stage.name), stage.replicas)
        yield replicas
        elapsed = GaugeMetricFamily(
            "pipelinerun_attempt_elapsed_seconds",
            "Seconds since the attempt's worker has started.",
            labels=(*_LABELS[:2], "attempt"),
        )
        number = self._run.attempt
        name = str(number) if number > 0 else "finally"
        elapsed.add_metric((*labels, name), self._board.elapsed)
        yield elapsed


def registry_of(run: RunIdentity, board: Board) -> CollectorRegistry:
    """The metrics of an attempt."""
    registry = CollectorRegistry()
    registry.register(_StageCollector(run, board))
    return registry
