"""Gauges of the operator: read at the moment that somebody asks."""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pipelinerun.api import metrics
from pipelinerun.api.metrics import Metric
from pipelinerun.controller.cache import RunCache
from pipelinerun.controller.duty import Duty
from pipelinerun.controller.freshness import Freshness
from pipelinerun.controller.leadership import Leadership
from pipelinerun.controller.queue import WorkQueue
from pipelinerun.controller.runs import Run, RunKey
from pipelinerun.controller.staleness import Staleness
from pipelinerun.core.measures import waiting_since
from pipelinerun.engine.cgroups import ControlGroup

_WAITING: tuple[str, ...] = ("Pending", "Starting")


@dataclass(eq=False)
class Gauges(Collector):
    """What there is to see of an operator."""

    cache: RunCache
    queue: WorkQueue[RunKey]
    watches: Sequence[Freshness]
    leadership: Leadership
    duty: Duty
    staleness: Staleness

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges as they are now; those of runs are the leader's to tell."""
        if self.leadership.leads:
            yield from self._of_runs()
        yield _gauge(metrics.LEADER, float(self.leadership.leads))
        yield _gauge(metrics.QUEUE_DEPTH, len(self.queue))
        yield _gauge(metrics.RECONCILE_STALLED, self.queue.stalled_for())
        yield _labelled(
            metrics.UNSEEN_CHANGES, ((watch.kind, watch.stalled) for watch in self.watches)
        )
        limit = ControlGroup().memory()
        if limit is not None:
            yield _gauge(metrics.MEMORY_LIMIT, limit)
        yield _labelled(metrics.BUILD_INFO, [(version("pipelinerun-operator"), 1)])

    def _of_runs(self) -> Iterator[GaugeMetricFamily]:
        runs = [run for run in self.cache.runs() if self.duty.covers(run.namespace)]
        phases = Tally(dict.fromkeys(metrics.PHASES, 0))
        phases.update(run.status.phase or "Pending" for run in runs)
        yield _labelled(metrics.RUNS, phases.items())
        yield _labelled(metrics.LONGEST_WAIT, longest_waits(runs, datetime.now(UTC)).items())
        yield _gauge(metrics.STATUS_STALENESS, self.staleness.longest())


def longest_waits(runs: Iterable[Run], now: datetime) -> dict[str, float]:
    """Seconds for which a run has been waiting at most, by phase."""
    longest = dict.fromkeys(_WAITING, 0.0)
    for run in runs:
        since = waiting_since(run.status, run.created)
        if since is not None:
            phase = run.status.phase or "Pending"
            longest[phase] = max(longest[phase], (now - since).total_seconds())
    return longest


def registry_of(gauges: Gauges) -> CollectorRegistry:
    """The gauges of an operator, and what is known of its process."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each counter
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(gauges)
    return registry


def _gauge(metric: Metric, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(metric.name, metric.help, value=value)


def _labelled(metric: Metric, values: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for label, value in values:
        family.add_metric((label,), value)
    return family
