"""Retries: whether a failed attempt is followed by another, and when."""

from datetime import datetime

from pipelinerun.api.run import Backoff, FailureClass, PipelineRunStatus, Retries
from pipelinerun.core.timestamps import parse_time

_USER_CLASSES: frozenset[FailureClass] = frozenset({"User", "OutOfMemory"})


def may_retry(failure_class: FailureClass, status: PipelineRunStatus, retries: Retries) -> bool:
    """Whether a budget is left. ``status`` counts the attempt that has just failed already."""
    if failure_class == "Infrastructure":
        return (status.infrastructure_failures or 0) <= retries.infrastructure_limit
    return failure_class in _USER_CLASSES and (status.user_failures or 0) <= retries.limit


def failures(status: PipelineRunStatus) -> int:
    """Attempts that have failed so far; those that were suspended have not."""
    return (status.user_failures or 0) + (status.infrastructure_failures or 0)


def backoff_seconds(backoff: Backoff, failed_attempts: int) -> float:
    """Wait before the next attempt, after ``failed_attempts`` (at least 1)."""
    grown: float = backoff.factor ** min(failed_attempts - 1, 64) * backoff.initial_seconds
    return min(grown, backoff.max_seconds)


def backing_off_for(status: PipelineRunStatus, now: datetime) -> float:
    """Seconds until the next attempt may start; not positive when it may."""
    if status.next_attempt_time is None:
        return 0.0
    return (parse_time(status.next_attempt_time) - now).total_seconds()
