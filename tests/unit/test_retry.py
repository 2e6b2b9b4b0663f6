"""Retries: budgets and back-off."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.api.spec import Backoff, Retries, RetryAction, RetryRule
from pipelinerun.api.status import Failure, FailureClass, Outcome, PipelineRunStatus
from pipelinerun.core.retry import action_for, backoff_seconds, budget_for, failures, may_retry

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
        (Backoff(jitter=0), [10, 20, 40, 80, 160, 300, 300]),
        (Backoff(initial_seconds=0, jitter=0.5), [0, 0, 0]),
        (Backoff(initial_seconds=5, factor=1, jitter=0), [5, 5, 5]),
        (Backoff(initial_seconds=10, max_seconds=3, jitter=0), [3, 3, 3]),
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
        jitter=st.just(0.0),
    ),
    st.integers(1, 3000),
)
def test_a_wait_never_shrinks_and_never_exceeds_the_longest(backoff: Backoff, number: int) -> None:
    wait = backoff_seconds(backoff, number)
    assert 0 <= wait <= backoff.max_seconds
    assert wait <= backoff_seconds(backoff, number + 1)


@given(st.text(max_size=40), st.integers(1, 100), st.floats(0, 1))
def test_jitter_takes_off_no_more_than_its_share_and_always_the_same(
    uid: str, number: int, jitter: float
) -> None:
    whole = backoff_seconds(Backoff(jitter=0), number, uid)
    wait = backoff_seconds(Backoff(jitter=jitter), number, uid)
    assert whole * (1 - jitter) <= wait <= whole
    assert wait == backoff_seconds(Backoff(jitter=jitter), number, uid)


def test_jitter_keeps_runs_apart() -> None:
    waits = {backoff_seconds(Backoff(jitter=0.5), 1, f"run-{number}") for number in range(100)}
    assert len(waits) == 100
    assert max(waits) - min(waits) > 4


def outcome(code: int, class_: FailureClass, stage: str, exception: str) -> Outcome:
    failure = Failure(class_=class_, stage=stage, exception=exception)
    return Outcome(exit_code=code, failure=failure)


FAILED = outcome(7, "User", "load", "KeyError")


@pytest.mark.parametrize(
    ("criteria", "fits"),
    [
        ({"exitCodes": [7]}, True),
        ({"exitCodes": [1, 7]}, True),
        ({"exitCodes": [1]}, False),
        ({"failureClasses": ["User"]}, True),
        ({"failureClasses": ["Timeout"]}, False),
        ({"stages": ["load", "save"]}, True),
        ({"stages": ["save"]}, False),
        ({"exceptions": ["KeyError"]}, True),
        ({"exceptions": ["ValueError"]}, False),
        ({"exitCodes": [7], "stages": ["load"], "exceptions": ["KeyError"]}, True),
        ({"exitCodes": [7], "stages": ["save"], "exceptions": ["KeyError"]}, False),
    ],
)
def test_a_rule_fits_when_all_its_criteria_do(criteria: dict[str, object], fits: bool) -> None:
    rule = RetryRule.model_validate({**criteria, "action": "Ignore"})
    assert (action_for(FAILED, [rule]) == "Ignore") == fits


def test_the_first_rule_that_fits_is_followed() -> None:
    rules = [
        RetryRule(exit_codes=[3], action="Ignore"),
        RetryRule(stages=["load"], action="Fail"),
        RetryRule(exit_codes=[7], action="Retry"),
    ]
    assert action_for(FAILED, rules) == "Fail"
    assert action_for(FAILED, rules[2:]) == "Retry"
    assert action_for(FAILED, []) is None
    assert action_for(Outcome(exit_code=0), rules) is None


ACTIONS: list[tuple[RetryAction, list[bool]]] = [
    ("Retry", [True, False]),
    ("Ignore", [True, True]),
    ("Fail", [False, False]),
]


@pytest.mark.parametrize("class_", CLASSES)
@pytest.mark.parametrize(("action", "granted"), ACTIONS)
def test_an_action_stands_above_the_class(
    class_: FailureClass, action: RetryAction, granted: list[bool]
) -> None:
    retries = Retries(limit=1, infrastructure_limit=0)
    assert [may_retry(class_, after(user, 0), retries, action) for user in (1, 2)] == granted


@pytest.mark.parametrize("class_", CLASSES)
def test_a_failure_is_counted_once_at_most(class_: FailureClass) -> None:
    failed = outcome(1, class_, "load", "KeyError")
    own = "infrastructure" if class_ == "Infrastructure" else "user"
    assert [budget_for(failed, it) for it in (None, "Fail", "Retry", "Ignore")] == [
        *(own, own),
        *("user", "ignored"),
    ]
    assert budget_for(Outcome(exit_code=0), "Retry") is None


def test_what_is_ignored_makes_waits_longer_all_the_same() -> None:
    assert failures(PipelineRunStatus(user_failures=1, ignored_failures=3)) == 4
