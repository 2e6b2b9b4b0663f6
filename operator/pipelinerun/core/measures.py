"""Measures: what a change of a status adds to the metrics.

Whoever has written a status counts what it changed. So nothing is counted twice: not by an operator
that starts anew, nor by one that stands by, nor when the same status is seen again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from pipelinerun.api import metrics
from pipelinerun.api.metrics import Metric
from pipelinerun.api.status import TERMINAL_PHASES, AttemptStatus, PipelineRunStatus, StageStatus
from pipelinerun.core.conditions import resumed_at
from pipelinerun.core.deadlines import waits_since
from pipelinerun.core.timestamps import parse_time


@dataclass(frozen=True)
class Measure:
    """Something to add to a counter, or to observe in a histogram."""

    metric: Metric
    labels: tuple[str, ...]
    value: float = 1.0


def measures(
    before: PipelineRunStatus, after: PipelineRunStatus, *, mode: str, created: datetime
) -> Iterator[Measure]:
    """What follows from one status having been replaced by another."""
    yield from _begun(before, after, mode, created)
    yield from _progressed(before, after, mode)
    yield from _attempt_ended(before, after, mode)
    yield from _retried(before, after, mode)
    yield from _finished(before, after, mode)


def waiting_since(status: PipelineRunStatus, created: datetime) -> datetime | None:
    """Since when a run could go on and has to wait; None if it does not wait for anybody."""
    if status.phase == "Starting" and status.attempts:
        return parse_time(status.attempts[-1].start_time)
    if status.phase not in {None, "Pending"}:
        return None
    return waits_since(status, created)


def _begun(
    before: PipelineRunStatus, after: PipelineRunStatus, mode: str, created: datetime
) -> Iterator[Measure]:
    if before.start_time is None and after.start_time is not None:
        since = resumed_at(after.conditions)
        waited = parse_time(after.start_time) - (parse_time(since) if since else created)
        yield Measure(metrics.QUEUE_WAIT, (mode,), max(0.0, waited.total_seconds()))


def _progressed(
    before: PipelineRunStatus, after: PipelineRunStatus, mode: str
) -> Iterator[Measure]:
    same = before.attempt == after.attempt
    known = {stage.name: stage for stage in before.stages} if same else {}

    def added(value: Callable[[StageStatus], float]) -> float:
        grown = (
            value(it) - (value(known[it.name]) if it.name in known else 0) for it in after.stages
        )
        return sum(max(0, it) for it in grown)

    for metric, labels, amount in (
        (metrics.STAGE_ROWS, ("in", mode), added(lambda it: it.rows_in)),
        (metrics.STAGE_ROWS, ("out", mode), added(lambda it: it.rows_out)),
        (metrics.STAGE_ERRORS, (mode,), added(lambda it: it.errors)),
        (metrics.STAGE_SECONDS, (mode,), added(lambda it: it.seconds)),
    ):
        if amount > 0:
            yield Measure(metric, labels, amount)


def _attempt_ended(
    before: PipelineRunStatus, after: PipelineRunStatus, mode: str
) -> Iterator[Measure]:
    known, last = _ended(before), _ended(after)
    if last is None or (known is not None and known.number == last.number):
        return
    yield Measure(metrics.ATTEMPTS, (mode, last.reason or ""))
    if last.elapsed_seconds and last.completion_time:  # else it never ran, or was lost
        there = parse_time(last.completion_time) - parse_time(last.start_time)
        idle = max(0.0, there.total_seconds() - last.elapsed_seconds)
        yield Measure(metrics.START_LATENCY, (mode,), idle)


def _ended(status: PipelineRunStatus) -> AttemptStatus | None:
    """The last attempt, if it has ended."""
    last = status.attempts[-1] if status.attempts else None
    return last if last and last.completion_time else None


def _retried(before: PipelineRunStatus, after: PipelineRunStatus, mode: str) -> Iterator[Measure]:
    if after.phase != "Pending":
        return
    for budget in metrics.BUDGETS:
        if _failures(after, budget) > _failures(before, budget):
            yield Measure(metrics.RETRIES, (budget, mode))


def _failures(status: PipelineRunStatus, budget: str) -> int:
    count: int | None = getattr(status, f"{budget}_failures")
    return count or 0


def _finished(before: PipelineRunStatus, after: PipelineRunStatus, mode: str) -> Iterator[Measure]:
    if before.phase in TERMINAL_PHASES or after.phase not in TERMINAL_PHASES:
        return
    assert after.phase is not None  # it is one of the terminal ones
    class_ = after.failure.class_ if after.failure else ""
    yield Measure(metrics.RUNS_FINISHED, (after.phase, class_, mode))
    if after.start_time is not None and after.completion_time is not None:
        took = parse_time(after.completion_time) - parse_time(after.start_time)
        yield Measure(metrics.RUN_DURATION, (after.phase, mode), max(0.0, took.total_seconds()))
