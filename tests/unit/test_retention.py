"""How long a finished run stays."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipelinerun.api.status import PipelineRunStatus
from pipelinerun.core.observed import Decision, Observed, Requests
from pipelinerun.core.policies import decide
from tests.support.decisions import NOW, failed, finished, running, success

TTL = 60
DUE = TTL + 1
"""Seconds after the end: times are recorded rounded down."""


def after(
    seconds: float,
    ttl: int | None,
    status: PipelineRunStatus | None = None,
    *,
    surplus: bool = False,
) -> Decision:
    """What is decided some seconds after a run was finished."""
    observed = Observed(
        status=status or finished(success()),
        generation=1,
        requests=Requests(ttl=ttl),
        surplus=surplus,
    )
    return decide(observed, NOW + timedelta(seconds=seconds))


def test_a_finished_run_without_a_ttl_stays() -> None:
    decision = after(10**8, None)
    assert (decision.delete, decision.requeue_after) == (None, None)


@pytest.mark.parametrize(
    "status", [finished(success()), finished(failed()), finished(failed(), "Cancelled")]
)
def test_a_finished_run_is_deleted_once_its_ttl_has_passed(status: PipelineRunStatus) -> None:
    early = after(DUE - 0.5, TTL, status)
    assert (early.delete, early.requeue_after) == (None, 0.5)
    due = after(DUE, TTL, status)
    assert due.delete is not None
    assert "ttlSecondsAfterFinished" in due.delete
    assert (due.status, due.release, due.requeue_after) == (status, True, None)


def test_a_ttl_that_was_changed_after_the_end_is_acknowledged() -> None:
    observed = Observed(status=finished(success()), generation=2, requests=Requests(ttl=TTL))
    assert decide(observed, NOW).acknowledge
    assert not decide(replace(observed, generation=1), NOW).acknowledge


def test_a_run_that_need_not_stay_at_all_is_deleted_within_the_second() -> None:
    assert after(0.5, 0).requeue_after == 0.5
    assert after(1, 0).delete is not None


def test_a_longer_ttl_is_waited_for() -> None:
    assert after(DUE, 10 * TTL).requeue_after == 10 * TTL + 1 - DUE


def test_a_run_that_the_history_does_not_hold_is_deleted() -> None:
    for ttl in (None, TTL):
        decision = after(0, ttl, surplus=True)
        assert decision.delete is not None
        assert "history" in decision.delete


def test_a_run_that_is_not_finished_is_never_deleted() -> None:
    assert after(10**8, 0, running(), surplus=True).delete is None
