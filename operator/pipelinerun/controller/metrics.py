"""Prometheus metrics of the operator."""

from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipelinerun.controller.cache import RunCache
from pipelinerun.controller.duty import Duty
from pipelinerun.controller.freshness import Freshness
from pipelinerun.controller.leadership import Leadership
from pipelinerun.controller.queue import WorkQueue
from pipelinerun.controller.runs import RunKey

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class ReconcilerMetrics:
    """What the reconciler counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.results = Counter(
            "pipelinerun_reconciles",
            "Times that a run was looked at, by how that ended.",
            ("result",),
            registry=registry,
        )
        self.seconds = Histogram(
            "pipelinerun_reconcile_seconds",
            "Seconds that one look at a run takes, requests to the API server included.",
            buckets=_BUCKETS,
            registry=registry,
        )


class RequestMetrics:
    """What is counted of our own requests; the watches are kopf's."""

    def __init__(self) -> None:
        self.requests = Counter(
            "pipelinerun_api_requests",
            "Requests to the API server apart from watches, by HTTP method and status code; "
            "error stands for those that were not answered.",
            ("verb", "code"),
            registry=None,
        )
        self.waits = Histogram(
            "pipelinerun_api_wait_seconds",
            "Seconds that a request waits for the operator's own rate limit, and while the API "
            "server wants to be left alone; by priority: work, start or upkeep.",
            ("priority",),
            buckets=_BUCKETS,
            registry=None,
        )

    def register(self, registry: CollectorRegistry) -> None:
        """Have them shown."""
        for collector in (self.requests, self.waits):
            registry.register(collector)


def registry_of(
    cache: RunCache,
    queue: WorkQueue[RunKey],
    watches: Sequence[Freshness],
    leadership: Leadership,
    duty: Duty,
) -> CollectorRegistry:
    """The metrics of an operator; those of its reconciler are registered by itself."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    build = Info("pipelinerun_operator_build", "The operator's version.", registry=registry)
    build.info({"version": version("pipelinerun-operator")})
    registry.register(_State(cache, queue, watches, leadership, duty))
    return registry


class _State(Collector):
    """Read at the moment that somebody asks."""

    def __init__(
        self,
        cache: RunCache,
        queue: WorkQueue[RunKey],
        watches: Sequence[Freshness],
        leadership: Leadership,
        duty: Duty,
    ) -> None:
        self._cache, self._queue, self._watches = cache, queue, watches
        self._leadership, self._duty = leadership, duty

    def collect(self) -> Iterable[Metric]:
        runs = GaugeMetricFamily("pipelinerun_runs", "Runs, by phase.", labels=("phase",))
        for phase, count in sorted(Tally(self._cache.phases(self._duty.covers)).items()):
            runs.add_metric((phase,), count)
        yield runs
        yield GaugeMetricFamily(
            "pipelinerun_operator_leader",
            "Whether this operator carries out runs: 1 if it leads, 0 if it stands by.",
            value=float(self._leadership.leads),
        )
        yield GaugeMetricFamily(
            "pipelinerun_queue_depth",
            "Runs that wait for the reconciler.",
            value=len(self._queue),
        )
        unseen = GaugeMetricFamily(
            "pipelinerun_watch_unseen_changes",
            "Changes that a watch should have shown long ago; more than 0 means that it stalls.",
            labels=("kind",),
        )
        for watch in self._watches:
            unseen.add_metric((watch.kind,), watch.stalled)
        yield unseen
