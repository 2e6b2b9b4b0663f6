"""Counters and histograms of the operator."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram

from pipelinerun.api.metrics import OF_OPERATOR, OF_RUNS, Metric
from pipelinerun.core.measures import Measure


class Meters:
    """Adds to the metrics that are declared; those that are read when asked for are gauges."""

    def __init__(self) -> None:
        declared = [it for it in (*OF_RUNS, *OF_OPERATOR) if it.kind != "gauge"]
        self._meters = {it: _meter(it) for it in declared}

    def register(self, registry: CollectorRegistry) -> None:
        """Have them shown."""
        for meter in self._meters.values():
            registry.register(meter)

    def record(self, measures: Iterable[Measure]) -> None:
        """Take in measures."""
        for it in measures:
            self.add(it.metric, *it.labels, value=it.value)

    def add(self, metric: Metric, *labels: str, value: float = 1.0) -> None:
        """Add to a counter, or observe in a histogram."""
        meter = self._meters[metric]
        child = meter.labels(*labels) if labels else meter
        if isinstance(child, Histogram):
            child.observe(value)
        else:
            child.inc(value)

    @contextmanager
    def timed(self, metric: Metric, *labels: str) -> Iterator[None]:
        """Observe the seconds that a block takes."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.add(metric, *labels, value=time.monotonic() - start)


def _meter(metric: Metric) -> Counter | Histogram:
    if metric.kind == "histogram":
        return Histogram(
            metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=None
        )
    counter = Counter(metric.name, metric.help, metric.labels, registry=None)
    for labels in metric.initial:
        counter.labels(*labels)
    return counter
