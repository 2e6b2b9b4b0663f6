"""Retries: whether a failed attempt is followed by another, and when."""

from pipelinerun.api.run import Backoff, FailureClass, PipelineRunStatus, Retries

_USER_CLASSES: frozenset[FailureClass] = frozenset({"User", "OutOfMemory"})


def may_retry(failure_class: FailureClass, status: PipelineRunStatus, retries: Retries) -> bool:
    """Whether a budget is left. ``status`` counts the attempt that has just failed already."""
    infrastructure = status.infrastructure_failures or 0
    if failure_class == "Infrastructure":
        return infrastructure <= retries.infrastructure_limit
    user = (status.attempt or 0) - infrastructure
    return failure_class in _USER_CLASSES and user <= retries.limit


def backoff_seconds(backoff: Backoff, failed_attempts: int) -> float:
    """Wait before the next attempt, after ``failed_attempts`` (at least 1)."""
    grown: float = backoff.factor ** min(failed_attempts - 1, 64) * backoff.initial_seconds
    return min(grown, backoff.max_seconds)
