"""Retries: budgets and back-off."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.api.run import Backoff, FailureClass, PipelineRunStatus, Retries
from pipelinerun.core.retry import backoff_seconds, may_retry

RETRIED = {"User", "OutOfMemory", "Infrastructure"}
CLASSES: tuple[FailureClass, ...] = get_args(FailureClass)


def after(user: int, infrastructure: int) -> PipelineRunStatus:
    """The status after that many failures of each kind."""
    return PipelineRunStatus(
        attempt=user + infrastructure,
        user_failures=user or None,
        infrastructure_failures=infrastructure or None,
    )


@pytest.mark.parametrize("class_", CLASSES)
def test_only_failures_that_another_attempt_may_mend_are_retried(class_: FailureClass) -> None:
    plenty = Retries(limit=100, infrastructure_limit=100)
    assert may_retry(class_, after(1, 1), plenty) == (class_ in RETRIED)


@pytest.mark.parametrize("class_", ["User", "OutOfMemory"])
@pytest.mark.parametrize("infrastructure", [0, 1, 7])
@pytest.mark.parametrize("limit", [0, 1, 2])
def test_the_users_budget_is_not_eaten_by_the_infrastructure(
    class_: FailureClass, infrastructure: int, limit: int
) -> None:
    retries = Retries(limit=limit, infrastructure_limit=0)
    granted = [may_retry(class_, after(user, infrastructure), retries) for user in range(1, 5)]
    assert granted == [user <= limit for user in range(1, 5)]


@pytest.mark.parametrize("user", [0, 1, 7])
@pytest.mark.parametrize("limit", [0, 1, 3])
def test_the_budget_of_the_infrastructure_is_not_eaten_by_the_user(user: int, limit: int) -> None:
    retries = Retries(limit=0, infrastructure_limit=limit)
    granted = [may_retry("Infrastructure", after(user, lost), retries) for lost in range(1, 6)]
    assert granted == [lost <= limit for lost in range(1, 6)]


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        (Backoff(), [10, 20, 40, 80, 160, 300, 300]),
        (Backoff(initial_seconds=0), [0, 0, 0]),
        (Backoff(initial_seconds=5, factor=1), [5, 5, 5]),
        (Backoff(initial_seconds=10, max_seconds=3), [3, 3, 3]),
    ],
)
def test_waits_grow_up_to_the_longest(backoff: Backoff, waits: list[float]) -> None:
    assert [backoff_seconds(backoff, number + 1) for number in range(len(waits))] == waits


@given(
    st.builds(
        Backoff,
        initial_seconds=st.floats(0, 86400),
        factor=st.floats(1, 10),
        max_seconds=st.floats(0, 86400),
    ),
    st.integers(1, 3000),
)
def test_a_wait_never_shrinks_and_never_exceeds_the_longest(backoff: Backoff, number: int) -> None:
    wait = backoff_seconds(backoff, number)
    assert 0 <= wait <= backoff.max_seconds
    assert wait <= backoff_seconds(backoff, number + 1)
