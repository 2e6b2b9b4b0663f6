"""Retries: whether a failed attempt is followed by another, and when."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pipelinerun.api.spec import Backoff, Retries, RetryAction, RetryRule
from pipelinerun.api.status import FailureClass, Outcome, PipelineRunStatus
from pipelinerun.core.timestamps import parse_time

Budget = Literal["user", "infrastructure", "ignored"]
"""What a failed attempt is counted against."""

_USER_CLASSES: frozenset[FailureClass] = frozenset({"User", "OutOfMemory"})
_FINEST = 2**64


def action_for(outcome: Outcome, rules: Sequence[RetryRule]) -> RetryAction | None:
    """What the first rule that fits says; None where none does."""
    return next((rule.action for rule in rules if _fits(rule, outcome)), None)


def budget_for(outcome: Outcome, action: RetryAction | None = None) -> Budget | None:
    """The budget that a failure eats; a success eats none."""
    if outcome.failure is None:
        return None
    if action == "Ignore":
        return "ignored"
    lost = outcome.failure.class_ == "Infrastructure"
    return "infrastructure" if lost and action != "Retry" else "user"


def may_retry(
    failure_class: FailureClass,
    status: PipelineRunStatus,
    retries: Retries,
    action: RetryAction | None = None,
) -> bool:
    """Whether another attempt follows. ``status`` counts the one that has just failed already."""
    within_limit = (status.user_failures or 0) <= retries.limit
    match action:
        case "Fail":
            return False
        case "Ignore":
            return True
        case "Retry":
            return within_limit
        case None if failure_class == "Infrastructure":
            return (status.infrastructure_failures or 0) <= retries.infrastructure_limit
        case None:
            return failure_class in _USER_CLASSES and within_limit


def failures(status: PipelineRunStatus) -> int:
    """Attempts that have failed so far; those that were suspended have not."""
    counts = (status.user_failures, status.infrastructure_failures, status.ignored_failures)
    return sum(count or 0 for count in counts)


def backoff_seconds(backoff: Backoff, failed_attempts: int, uid: str = "") -> float:
    """Wait before the next attempt, after ``failed_attempts`` (at least 1), of the run ``uid``."""
    grown: float = backoff.factor ** min(failed_attempts - 1, 64) * backoff.initial_seconds
    digest = hashlib.sha256(f"{uid}/{failed_attempts}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / _FINEST
    return min(grown, backoff.max_seconds) * (1 - backoff.jitter * share)


def backing_off_for(status: PipelineRunStatus, now: datetime) -> float:
    """Seconds until the next attempt may start; not positive when it may."""
    if status.next_attempt_time is None:
        return 0.0
    return (parse_time(status.next_attempt_time) - now).total_seconds()


def _fits(rule: RetryRule, outcome: Outcome) -> bool:
    failure = outcome.failure
    if failure is None:
        return False
    return (
        (rule.exit_codes is None or outcome.exit_code in rule.exit_codes)
        and (rule.failure_classes is None or failure.class_ in rule.failure_classes)
        and (rule.stages is None or failure.stage in rule.stages)
        and (rule.exceptions is None or failure.exception in rule.exceptions)
    )
