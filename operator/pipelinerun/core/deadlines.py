"""Deadlines: which of them apply to a run, and when they pass."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelinerun.api.status import ENDED_PHASES, UNDER_WAY_PHASES, PipelineRunStatus, StopCause
from pipelinerun.core import reasons
from pipelinerun.core.conditions import current, resumed_at
from pipelinerun.core.observed import Observed
from pipelinerun.core.timestamps import parse_time

GRAIN = timedelta(seconds=1)
"""Times are recorded in whole seconds, rounded down; no deadline passes before it is due."""


@dataclass(frozen=True)
class Deadline:
    """A deadline that applies.

    Attributes:
        cause: of the stop that follows.
        time: when it passes.
        message: what has happened then, for people.
    """

    cause: StopCause
    time: datetime
    message: str


def deadlines(observed: Observed, status: PipelineRunStatus) -> Iterator[Deadline]:
    """The deadlines of a run in a status, the widest first. A run that is held has none.

    Those of finally stages are not among them: what they end is not the run.
    """
    asked = observed.requests
    if asked.suspend or status.phase in ENDED_PHASES:
        return
    if asked.active_deadline is not None and status.start_time is not None:
        message = f"activeDeadlineSeconds: the run took longer than {asked.active_deadline} s"
        yield _after(
            "ActiveDeadline", parse_time(status.start_time), asked.active_deadline, message
        )
    if asked.attempt_deadline is not None and status.attempts and status.phase in UNDER_WAY_PHASES:
        start = parse_time(status.attempts[-1].start_time)
        message = (
            f"attemptDeadlineSeconds: attempt {status.attempt} took longer than"
            f" {asked.attempt_deadline} s"
        )
        yield _after("AttemptDeadline", start, asked.attempt_deadline, message)
    if asked.pending_deadline is not None and _waits(observed, status):
        message = f"pendingDeadlineSeconds: nothing ran within {asked.pending_deadline} s"
        since = waits_since(status, observed.created)
        yield _after("PendingDeadline", since, asked.pending_deadline, message + _why(status))


def passed(observed: Observed, now: datetime) -> Deadline | None:
    """The widest deadline that has passed, if one has."""
    return next((it for it in deadlines(observed, observed.status) if it.time <= now), None)


def next_in(observed: Observed, status: PipelineRunStatus, now: datetime) -> float | None:
    """Seconds until the next deadline of a run in a status passes; None if none will."""
    coming = [it.time - now for it in deadlines(observed, status) if it.time > now]
    return min(coming).total_seconds() if coming else None


def waits_since(status: PipelineRunStatus, created: datetime) -> datetime:
    """Since when a run that waits could go on: its creation, or the end of what held it last."""
    times = (resumed_at(status.conditions), status.next_attempt_time)
    return max([created, *(parse_time(time) for time in times if time is not None)])


def _after(cause: StopCause, start: datetime, seconds: int, message: str) -> Deadline:
    return Deadline(cause, start + timedelta(seconds=seconds) + GRAIN, message)


def _waits(observed: Observed, status: PipelineRunStatus) -> bool:
    """Whether nothing of the run has been seen to run since it may."""
    if status.phase == "Starting":
        sighting = observed.sighting
        return sighting is None or sighting.sight != "Running"
    return status.phase in {None, "Pending"}


def _why(status: PipelineRunStatus) -> str:
    condition = current(status.conditions)
    if condition is None or condition.reason in {reasons.ATTEMPT_STARTING, reasons.BACKING_OFF}:
        return ""
    return f": {condition.message}"
