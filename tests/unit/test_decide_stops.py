"""Deciding on stops: what is recorded, told and left of an attempt that has to end."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pipelinerun.api.spec import Retries
from pipelinerun.api.status import Condition, PipelineRunStatus, StopCause
from pipelinerun.core import reasons
from pipelinerun.core.deadlines import GRAIN
from pipelinerun.core.observed import Observed, Requests, Sighting
from pipelinerun.core.policies import decide
from tests.support.decisions import (
    LATER,
    NOW,
    SIGHTINGS,
    STAGES,
    WORKER,
    backing_off,
    failed,
    pending,
    running,
    stages,
    starting,
    stopping,
    success,
    suspended,
)

RUNNING = SIGHTINGS["running"]


def facts(status: PipelineRunStatus, sighting: Sighting | None = None, **asked: Any) -> Observed:
    return Observed(
        status=status,
        generation=1,
        created=NOW,
        requests=replace(Requests(), **asked),
        stage_names=STAGES,
        worker=WORKER,
        sighting=sighting,
    )


def condition(status: PipelineRunStatus, kind: str) -> Condition | None:
    return next((it for it in status.conditions if it.type == kind), None)


def test_the_cause_is_recorded_before_the_attempt_is_told() -> None:
    decision = decide(facts(running(), RUNNING, shutdown="Drain"), LATER)
    recorded = decision.status.stopping
    assert decision.stop == "Drain"
    assert recorded is not None
    assert (recorded.cause, recorded.time) == ("Drain", "2026-02-01T12:00:00Z")
    assert decision.event is not None
    assert (decision.event.type, decision.event.reason) == ("Normal", reasons.DRAINING)
    assert decision.event.message == (
        "spec.shutdown is Drain; the sources are told to stop, and what is in flight goes on to the"
        " sinks"
    )
    assert decision.requeue_after is not None


def test_an_attempt_that_cannot_be_told_says_so_until_it_can() -> None:
    asked = {"shutdown": "Drain"}
    deaf = Sighting(1, "Running", reason=reasons.WORKER_UNREACHABLE, message="no answer")
    decision = decide(facts(stopping("Drain"), deaf, **asked), LATER)
    found = condition(decision.status, "Succeeded")
    assert found is not None
    assert (decision.stop, found.reason) == ("Drain", reasons.WORKER_UNREACHABLE)
    assert found.message.endswith("the worker cannot be told: no answer")
    assert decision.event is not None
    assert (decision.event.type, decision.event.reason) == ("Warning", found.reason)
    again = decide(facts(decision.status, deaf, **asked), LATER)
    assert (again.stop, again.status, again.event) == ("Drain", decision.status, None)
    ended = decide(facts(decision.status, deaf, shutdown="Terminate"), LATER)
    follows = decide(facts(ended.status, deaf, shutdown="Terminate"), LATER)
    assert (follows.status, follows.event) == (ended.status, None)
    told = decide(facts(decision.status, RUNNING, **asked), LATER)
    assert condition(told.status, "Succeeded").reason == reasons.DRAINING  # type: ignore[union-attr]


STRONGER: list[tuple[StopCause, dict[str, object], StopCause]] = [
    ("Suspend", {"shutdown": "Drain"}, "Drain"),
    ("Suspend", {"shutdown": "Terminate"}, "Terminate"),
    ("Suspend", {"active_deadline": 5}, "ActiveDeadline"),
    ("Drain", {"shutdown": "Terminate"}, "Terminate"),
    ("Drain", {"shutdown": "Drain", "attempt_deadline": 5}, "AttemptDeadline"),
    ("Suspend", {"suspend": True, "active_deadline": 5}, "Suspend"),
    ("Drain", {"shutdown": "Drain", "suspend": True}, "Drain"),
    ("Terminate", {"shutdown": "Terminate", "active_deadline": 5}, "Terminate"),
    ("ActiveDeadline", {"shutdown": "Terminate"}, "ActiveDeadline"),
    ("Suspend", {"suspend": False}, "Suspend"),
    ("ImagePullFailed", {"suspend": True}, "Suspend"),
]


@pytest.mark.parametrize(("before", "asked", "after"), STRONGER)
def test_only_a_stronger_cause_takes_the_place_of_another(
    before: StopCause, asked: dict[str, object], after: StopCause
) -> None:
    decision = decide(facts(stopping(before), RUNNING, **asked), LATER)
    assert decision.status.stopping is not None
    assert decision.status.stopping.cause == after
    assert decision.stop == ("Drain" if after == "Drain" else "Terminate")


def test_a_suspended_attempt_eats_no_budget_and_the_run_starts_anew() -> None:
    before = facts(stopping("Suspend"), SIGHTINGS["stopped"], suspend=True)
    status = decide(before, NOW).status
    (attempt,) = status.attempts
    assert (attempt.reason, attempt.exit_code) == (reasons.SUSPENDED, 143)
    assert attempt.failure_class == "Cancelled"
    assert (status.user_failures, status.infrastructure_failures) == (None, None)
    assert (status.start_time, status.exit_code, status.failure) == (None, None, None)
    again = decide(facts(status), LATER)
    assert (again.start, again.status.start_time) == (2, "2026-02-01T12:00:00Z")
    resumed = condition(again.status, "Suspended")
    assert resumed is not None
    assert (resumed.status, resumed.reason) == ("False", reasons.RESUMED)
    assert resumed.last_transition_time == "2026-02-01T12:00:00Z"


def test_a_resumed_run_does_not_wait_for_an_old_back_off() -> None:
    held = decide(facts(backing_off(), suspend=True), NOW).status
    assert held.user_failures == 1
    assert decide(facts(held), NOW).start == 2


def test_a_held_run_takes_no_place() -> None:
    for status in (pending(), suspended()):
        assert decide(facts(status, suspend=True), NOW).release


def test_a_held_run_knows_the_generation_that_it_is_held_in() -> None:
    status = decide(replace(facts(suspended(), suspend=True), generation=5), LATER).status
    assert {it.observed_generation for it in status.conditions} == {5}
    assert [it.last_transition_time for it in status.conditions] == ["2026-01-31T12:00:00Z"] * 2


@pytest.mark.parametrize(
    ("cause", "sighting", "exit_code", "class_"),
    [
        ("Drain", "success", 0, None),
        ("Drain", "user failure", 1, "User"),
        ("Drain", "infrastructure failure", 137, "Cancelled"),
        ("Drain", "lost", 143, "Cancelled"),
        ("Terminate", "stopped", 143, "Cancelled"),
        ("Terminate", "user failure", 1, "User"),
        ("Terminate", "infrastructure failure", 137, "Cancelled"),
        ("Terminate", "nothing", 143, "Cancelled"),
    ],
)
def test_a_cancelled_run_has_the_exit_code_that_was_seen(
    cause: StopCause, sighting: str, exit_code: int, class_: str | None
) -> None:
    status = decide(facts(stopping(cause), SIGHTINGS[sighting]), NOW).status
    assert (status.phase, status.exit_code) == ("Cancelled", exit_code)
    assert (status.failure.class_ if status.failure else None) == class_
    assert status.attempts[-1].exit_code == exit_code
    assert status.attempts[-1].reason == reasons.CANCELLED
    told = condition(status, "Succeeded")
    assert told is not None
    assert (told.status, told.reason) == ("False", reasons.CANCELLED)


def test_a_run_without_an_attempt_is_cancelled_at_once() -> None:
    for before in (PipelineRunStatus(), pending(), suspended(), backing_off()):
        decision = decide(facts(before, shutdown="Drain", suspend=True), NOW)
        status = decision.status
        assert (status.phase, status.exit_code) == ("Cancelled", 143)
        assert status.failure is not None
        assert (status.failure.class_, status.failure.signal) == ("Cancelled", 15)
        assert status.attempt == before.attempt


DEADLINES: list[tuple[StopCause, str]] = [
    ("ActiveDeadline", reasons.DEADLINE_EXCEEDED),
    ("AttemptDeadline", reasons.ATTEMPT_DEADLINE_EXCEEDED),
    ("PendingDeadline", reasons.PENDING_DEADLINE_EXCEEDED),
]


@pytest.mark.parametrize(("cause", "reason"), DEADLINES)
@pytest.mark.parametrize("sighting", ["stopped", "user failure", "infrastructure failure", "lost"])
def test_an_attempt_that_was_late_has_exit_code_124(
    cause: StopCause, reason: str, sighting: str
) -> None:
    status = decide(facts(stopping(cause), SIGHTINGS[sighting]), NOW).status
    assert (status.phase, status.exit_code) == ("Failed", 124)
    assert status.failure is not None
    assert (status.failure.class_, status.failure.message) == ("Timeout", f"because of {cause}")
    assert (status.attempts[-1].exit_code, status.attempts[-1].reason) == (124, reason)


@pytest.mark.parametrize("sighting", ["stopped", "infrastructure failure", "lost", "nothing"])
def test_an_attempt_that_could_not_start_is_judged_by_what_kept_it(sighting: str) -> None:
    status = decide(facts(stopping("ImagePullFailed"), SIGHTINGS[sighting]), NOW).status
    assert (status.phase, status.exit_code) == ("Failed", 125)
    assert status.failure is not None
    assert (status.failure.class_, status.failure.message) == ("Config", "no image")
    (attempt,) = status.attempts
    assert (attempt.exit_code, attempt.reason) == (125, reasons.IMAGE_PULL_FAILED)


def test_an_attempt_that_started_after_all_keeps_an_end_of_its_own() -> None:
    status = decide(facts(stopping("ImagePullFailed"), SIGHTINGS["user failure"]), NOW).status
    assert (status.phase, status.exit_code) == ("Failed", 1)
    assert status.attempts[-1].reason == reasons.PIPELINE_FAILED


def test_what_was_through_in_time_has_succeeded() -> None:
    for cause in ("Suspend", "Terminate", "ActiveDeadline", "AttemptDeadline"):
        status = decide(facts(stopping(cause), SIGHTINGS["success"], suspend=True), NOW).status
        assert (status.phase, status.exit_code) == ("Succeeded", 0)


def after(seconds: float, observed: Observed) -> PipelineRunStatus:
    """What becomes of it after that many seconds, in the grain of recorded times."""
    return decide(observed, NOW + timedelta(seconds=seconds) + GRAIN).status


def test_the_run_has_a_limit_over_all_attempts() -> None:
    observed = facts(running(), RUNNING, active_deadline=20)
    assert after(19, observed).phase == "Running"
    assert after(20, observed).phase == "Stopping"
    waits = facts(backing_off(), active_deadline=8)
    assert after(7, waits).phase == "Pending"
    late = after(8, waits)
    assert (late.phase, late.exit_code, late.attempt) == ("Failed", 124, 1)
    assert late.failure is not None
    assert late.failure.message == "activeDeadlineSeconds: the run took longer than 8 s"


def test_an_attempt_has_a_limit_of_its_own() -> None:
    second = facts(running(backing_off()), RUNNING, attempt_deadline=20)
    assert after(19, second).phase == "Running"
    status = after(20, second)
    assert status.stopping is not None
    assert status.stopping.message == "attemptDeadlineSeconds: attempt 2 took longer than 20 s"


@pytest.mark.parametrize(
    ("status", "since"),
    [
        (PipelineRunStatus(), 0),
        (pending(), 0),
        (backing_off(), 10),
        (starting(), 0),
        (starting(backing_off()), 10),
    ],
)
def test_waiting_has_a_limit_that_back_offs_do_not_eat(
    status: PipelineRunStatus, since: int
) -> None:
    sighting = SIGHTINGS["starting"] if status.phase == "Starting" else None
    observed = facts(status, sighting, pending_deadline=20)
    assert after(since + 19, observed).phase in {"Starting", "Pending"}
    late = after(since + 20, observed)
    assert late.phase == ("Stopping" if status.phase == "Starting" else "Failed")


def test_what_runs_does_not_wait() -> None:
    for status in (starting(), running()):
        assert after(500, facts(status, RUNNING, pending_deadline=20)).phase == "Running"


def test_waiting_counts_from_the_end_of_a_suspension() -> None:
    resumed = pending(suspended())
    back = decide(facts(suspended(resumed), suspend=True), LATER).status
    again = decide(facts(back), LATER)
    observed = facts(again.status, SIGHTINGS["starting"], pending_deadline=20)
    assert decide(observed, LATER + timedelta(seconds=20)).stop is None
    assert decide(observed, LATER + timedelta(seconds=20) + GRAIN).stop == "Terminate"


def test_what_it_waited_for_is_told() -> None:
    late = after(20, facts(pending(), pending_deadline=20))
    assert late.failure is not None
    assert late.failure.message == "pendingDeadlineSeconds: nothing ran within 20 s: Waiting"


@pytest.mark.parametrize(
    ("status", "asked", "due"),
    [
        (running(), {"active_deadline": 7}, 8),
        (running(), {"attempt_deadline": 4, "active_deadline": 7}, 5),
        (pending(), {"pending_deadline": 300}, 301),
        (running(), {"active_deadline": 10**6}, 10),
    ],
)
def test_it_is_looked_at_again_when_a_deadline_passes(
    status: PipelineRunStatus, asked: dict[str, object], due: float
) -> None:
    sighting = RUNNING if status.phase == "Running" else None
    observed = facts(status, sighting, **asked)
    assert decide(observed, NOW).requeue_after == due


def test_a_held_run_has_no_deadlines() -> None:
    limits = {"active_deadline": 1, "attempt_deadline": 1, "pending_deadline": 1}
    for status in (PipelineRunStatus(), suspended(), stopping("Suspend")):
        decision = decide(facts(status, RUNNING, suspend=True, **limits), LATER)
        assert decision.status.phase in {"Suspended", "Stopping"}
        assert decision.status.exit_code is None


def test_progress_is_shown_while_a_run_is_drained() -> None:
    sighting = Sighting(1, "Running", stages=stages("Succeeded", "Succeeded"))
    decision = decide(facts(stopping("Drain"), sighting, shutdown="Drain"), LATER)
    assert (decision.status.progress, decision.stop) == ("2/2", "Drain")


def test_stages_of_a_killed_attempt_do_not_look_as_if_they_ran() -> None:
    killed = failed("Cancelled", 137).model_copy(update={"stages": []})
    sighting = Sighting(1, "Ended", outcome=killed)
    status = decide(facts(stopping("Terminate"), sighting), NOW).status
    assert [it.state for it in status.stages] == ["Stopped", "Pending"]


def test_another_attempt_is_not_started_to_be_stopped() -> None:
    lacking = replace(facts(starting(), shutdown="Terminate"), restartable=True)
    decision = decide(lacking, NOW)
    assert (decision.start, decision.stop) == (None, "Terminate")
    assert decide(replace(lacking, status=decision.status), NOW).status.phase == "Cancelled"


def test_a_stopped_success_is_a_success_with_retries_left_alone() -> None:
    observed = replace(
        facts(stopping("Suspend"), Sighting(1, "Ended", outcome=success())),
        retries=Retries(limit=5),
    )
    status = decide(observed, NOW).status
    assert (status.phase, status.user_failures) == ("Succeeded", None)
