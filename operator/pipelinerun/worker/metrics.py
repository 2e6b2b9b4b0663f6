"""Prometheus metrics of one attempt."""

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from pipelinerun.api import metrics
from pipelinerun.api.job import RunIdentity
from pipelinerun.api.metrics import Metric
from pipelinerun.api.status import StageStatus
from pipelinerun.worker.board import Board

_Family = CounterMetricFamily | GaugeMetricFamily
_OF_STAGES: Sequence[tuple[Metric, Callable[[StageStatus], float]]] = (
    (metrics.WORKER_ROWS_IN, lambda it: it.rows_in),
    (metrics.WORKER_ROWS_OUT, lambda it: it.rows_out),
    (metrics.WORKER_ERRORS, lambda it: it.errors),
    (metrics.WORKER_SECONDS, lambda it: it.seconds),
    (metrics.WORKER_REPLICAS, lambda it: it.replicas),
)


class _StageCollector(Collector):
    def __init__(self, run: RunIdentity, board: Board) -> None:
        self._run, self._board = run, board

    def collect(self) -> Iterable[_Family]:
        labels = self._run.namespace, self._run.name
        for metric, value in _OF_STAGES:
            family = _family(metric)
            for stage in self._board.stages:
                family.add_metric((*labels, stage.name), value(stage))
            yield family
        elapsed = _family(metrics.WORKER_ELAPSED)
        number = self._run.attempt
        elapsed.add_metric((*labels, str(number) if number > 0 else "finally"), self._board.elapsed)
        yield elapsed


def registry_of(run: RunIdentity, board: Board) -> CollectorRegistry:
    """The metrics of an attempt."""
    registry = CollectorRegistry()
    registry.register(_StageCollector(run, board))
    return registry


def _family(metric: Metric) -> _Family:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return kind(metric.name, metric.help, labels=metric.labels)
