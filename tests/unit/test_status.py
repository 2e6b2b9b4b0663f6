"""Building statuses."""

from typing import get_args

import pytest

from pipelinerun.api.status import (
    MAX_ATTEMPTS_KEPT,
    Failure,
    FailureClass,
    Outcome,
    PipelineRunStatus,
)
from pipelinerun.core import reasons
from pipelinerun.core import status as build
from pipelinerun.core.observed import Sighting
from pipelinerun.core.retry import budget_for
from tests.support.decisions import (
    LATER,
    NOW,
    STAGES,
    WORKER,
    backing_off,
    failed,
    finished,
    pending,
    running,
    stages,
    starting,
    success,
)

TIME = "2026-01-31T12:00:00Z"


def succeeded_reason(status: PipelineRunStatus) -> tuple[str, str]:
    (condition,) = (it for it in status.conditions if it.type == "Succeeded")
    return condition.reason, condition.message


def test_a_started_attempt_is_counted_with_the_place_where_it_runs() -> None:
    status = starting()
    assert (status.phase, status.attempt, status.start_time) == ("Starting", 1, TIME)
    assert (status.worker, status.progress) == (WORKER, "0/2")
    assert [(it.name, it.state) for it in status.stages] == [("in", "Pending"), ("out", "Pending")]
    (attempt,) = status.attempts
    assert (attempt.number, attempt.start_time, attempt.worker) == (1, TIME, WORKER)
    assert attempt.completion_time is None


def test_the_next_attempt_starts_from_nothing_but_keeps_the_history() -> None:
    status = build.attempt_started(backing_off(), STAGES, None, generation=2, now=LATER)
    assert (status.attempt, status.start_time) == (2, TIME)
    assert (status.exit_code, status.elapsed_seconds, status.failure) == (None, None, None)
    assert (status.worker, status.progress, status.observed_generation) == (None, "0/2", 2)
    assert [it.state for it in status.stages] == ["Pending", "Pending"]
    assert [it.reason for it in status.attempts] == [reasons.PIPELINE_FAILED, None]


def test_the_next_attempt_still_knows_of_complete_checkpoints() -> None:
    before = backing_off()
    kept = before.stages[0].model_copy(update={"state": "Succeeded", "checkpointed": True})
    before = before.model_copy(update={"stages": [kept, *before.stages[1:]]})
    status = build.attempt_started(before, STAGES, None, generation=2, now=LATER)
    assert [(it.state, it.checkpointed) for it in status.stages] == [
        ("Pending", True),
        ("Pending", None),
    ]


def test_only_the_last_attempts_are_kept() -> None:
    status = PipelineRunStatus()
    for _ in range(MAX_ATTEMPTS_KEPT + 2):
        status = backing_off(status=status)
    assert status.attempt == MAX_ATTEMPTS_KEPT + 2
    assert [it.number for it in status.attempts] == list(range(3, MAX_ATTEMPTS_KEPT + 3))
    assert PipelineRunStatus.model_validate(status.model_dump(by_alias=True)) == status


def test_progress_counts_the_stages_that_are_done() -> None:
    status = build.attempt_running(
        starting(),
        Sighting(1, "Running", stages=stages("Succeeded", "Running")),
        generation=1,
        now=NOW,
    )
    assert (status.phase, status.progress) == ("Running", "1/2")
    skipped = Sighting(1, "Running", stages=stages("Skipped", "Running"))
    status = build.attempt_running(starting(), skipped, generation=1, now=NOW)
    assert (status.phase, status.progress) == ("Running", "1/2")
    assert [it.rows_out for it in status.stages] == [5, 5]


def test_progress_that_is_not_known_changes_nothing() -> None:
    status = build.attempt_running(running(), Sighting(1, "Running"), generation=1, now=NOW)
    assert status == running()


@pytest.mark.parametrize("class_", get_args(FailureClass))
def test_an_ended_attempt_is_recorded(class_: FailureClass) -> None:
    outcome = failed(class_, 7)
    budget = budget_for(outcome)
    status = build.attempt_ended(running(), outcome, now=LATER, budget=budget)
    (attempt,) = status.attempts
    assert (attempt.exit_code, attempt.elapsed_seconds, attempt.failure_class) == (7, 1.5, class_)
    assert attempt.completion_time == "2026-02-01T12:00:00Z"
    assert attempt.reason in reasons.MEANINGS
    lost = class_ == "Infrastructure"
    assert (status.infrastructure_failures, status.user_failures) == ((1, None), (None, 1))[
        not lost
    ]
    assert status.exit_code is None


def test_a_finished_run_tells_how_it_ended() -> None:
    status = finished(success())
    assert (status.phase, status.exit_code, status.elapsed_seconds) == ("Succeeded", 0, 2.5)
    assert (status.failure, status.completion_time, status.progress) == (None, TIME, "2/2")
    assert succeeded_reason(status) == (reasons.COMPLETED, "Pipeline succeeded in 2.5 s")


def test_a_failed_run_tells_where_and_why() -> None:
    status = finished(failed(exit_code=3))
    assert (status.phase, status.exit_code, status.elapsed_seconds) == ("Failed", 3, 1.5)
    assert status.failure == failed().failure
    assert succeeded_reason(status) == (
        reasons.PIPELINE_FAILED,
        "Stage out: ValueError: no (exit code 3)",
    )


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (Failure(class_="Timeout", message="too slow"), "too slow (exit code 1)"),
        (Failure(class_="User", exception="KeyError", message="x"), "KeyError: x (exit code 1)"),
        (Failure(class_="User", stage="out", message="x"), "Stage out: x (exit code 1)"),
    ],
)
def test_the_summary_leaves_out_what_is_not_known(failure: Failure, text: str) -> None:
    assert build.summary(Outcome(exit_code=1, failure=failure)) == text


@pytest.mark.parametrize("class_", get_args(FailureClass))
def test_every_class_of_failure_has_a_reason_with_a_meaning(class_: FailureClass) -> None:
    reason = build.reason_of(failed(class_))
    assert reason in reasons.MEANINGS
    assert reason in reasons.EVENTS


def test_every_reason_has_a_meaning() -> None:
    names = reasons.__annotations__.keys() - {"MEANINGS", "EVENTS"}
    assert {getattr(reasons, name) for name in names} == set(reasons.MEANINGS)
    assert set(reasons.MEANINGS) >= reasons.EVENTS


@pytest.mark.parametrize(
    "status",
    [
        *(PipelineRunStatus(), pending(), starting(), running(), backing_off()),
        *(finished(success()), finished(failed("Infrastructure", 137))),
    ],
)
def test_a_status_survives_being_written_and_read(status: PipelineRunStatus) -> None:
    written = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert PipelineRunStatus.model_validate(written) == status
