"""Gauges that are computed from the cache."""

from datetime import UTC, datetime
from typing import Any

from pipelinerun.controller.cache import RunCache
from pipelinerun.controller.duty import Duty
from pipelinerun.controller.gauges import longest_waits
from pipelinerun.controller.history import History, HistoryLimits
from pipelinerun.controller.leadership import Leadership
from pipelinerun.controller.queue import WorkQueue
from pipelinerun.controller.runs import Run, RunKey, read_run
from pipelinerun.controller.staleness import Staleness
from tests.unit.test_runs import body

NOW = datetime(2026, 1, 1, 0, 10, tzinfo=UTC)


def run(version: int = 1, **status: Any) -> Run:
    found = body(status=status)
    found["metadata"]["resourceVersion"] = str(version)
    return read_run(found)


def test_the_longest_wait_is_that_of_a_run_that_could_go_on() -> None:
    attempt = {"number": 1, "startTime": "2026-01-01T00:09:00Z"}
    starting = run(phase="Starting", attempts=[attempt])
    soon = run(phase="Pending", nextAttemptTime="2026-01-01T00:20:00Z")
    others = [run(phase=it) for it in ("Suspended", "Running", "Succeeded")]
    assert longest_waits([], NOW) == {"Pending": 0, "Starting": 0}
    assert longest_waits([starting, soon, *others], NOW) == {"Pending": 0, "Starting": 60}
    assert longest_waits([run(), soon], NOW)["Pending"] == 600


def test_a_status_is_stale_while_looking_at_its_run_fails() -> None:
    cache = RunCache(History(HistoryLimits(), lambda _: None))
    queue: WorkQueue[RunKey] = WorkQueue()
    leadership = Leadership(elected=False)
    duty = Duty(leadership, cache, queue, everywhere=True, forget=lambda _: None)
    staleness = Staleness(cache, duty)
    first = run(1, phase="Starting")
    cache.put(first)
    staleness.failed(first.key)
    assert staleness.longest() == 0
    cache.put(run(2, phase="Running"))
    staleness.failed(first.key)
    before = staleness.longest()
    staleness.failed(first.key)
    assert staleness.longest() > before > 0
    cache.put(run(3, phase="Succeeded"))
    staleness.looked(first.key)
    assert staleness.longest() == 0
