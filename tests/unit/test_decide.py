"""Deciding: a grid over everything that a decision depends on, then single stories."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import get_args

import pytest

from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.spec import Backoff, Retries, RetryRule
from pipelinerun.api.status import TERMINAL_PHASES, PipelineRunStatus, StopCause
from pipelinerun.core import reasons
from pipelinerun.core.observed import Decision, Observed, Refusal, Requests, Sighting, Wait
from pipelinerun.core.pacing import PROGRESS_INTERVAL, RUNNING_AFTER
from pipelinerun.core.policies import decide
from pipelinerun.core.retry import failures
from tests.support.decisions import (
    LATER,
    NOW,
    SIGHTINGS,
    STAGES,
    WORKER,
    backing_off,
    failed,
    finished,
    pending,
    running,
    stages,
    starting,
    stopping,
    success,
    suspended,
)

UNDER_WAY = {"Starting", "Running", "Stopping"}
STATUSES = {
    "new": PipelineRunStatus(),
    "pending": pending(),
    "backing off": backing_off(),
    "starting": starting(),
    "running": running(),
    "succeeded": finished(success()),
    "failed": finished(failed()),
    "cancelled": finished(success(), "Cancelled"),
    "suspended": suspended(),
    "suspended again": suspended(backing_off()),
    "resumed": pending(suspended()),
    **{f"stopping by {cause}": stopping(cause) for cause in get_args(StopCause)},
}
REQUESTS = {
    "nothing": Requests(),
    "suspend": Requests(suspend=True),
    "drain": Requests(shutdown="Drain"),
    "terminate": Requests(shutdown="Terminate"),
    "suspend and drain": Requests(suspend=True, shutdown="Drain"),
    "deadlines": Requests(active_deadline=60, attempt_deadline=30, pending_deadline=20),
}
REFUSALS = {
    "allowed": None,
    "refused": Refusal(reasons.INVALID_DEFINITION, "spec.pipeline: is wrong"),
}
WAITS = {
    "a place": None,
    "no place": Wait(reasons.WAITING_FOR_PLACE, "Waiting"),
    "no code": Wait(reasons.WAITING_FOR_CODE, "Waiting", look_again=5),
    "no Ray": Wait(reasons.WAITING_FOR_RAY, "Waiting"),
}
READY = {"ready": True, "not ready": False}
AGES = {"just written": 0.0, "written long ago": float("inf")}
TIMES = {"now": NOW, "later": LATER}
BUDGETS = {
    "no retries": Retries(infrastructure_limit=0),
    "retries": Retries(limit=5, infrastructure_limit=5, backoff=Backoff(jitter=0)),
    "rules": Retries(
        rules=[
            RetryRule(failure_classes=["Timeout"], action="Ignore"),
            RetryRule(exit_codes=[1], stages=["out"], action="Ignore"),
            RetryRule(failure_classes=["Infrastructure"], action="Fail"),
        ],
        backoff=Backoff(jitter=0),
    ),
}

GRID = [
    *product(STATUSES, SIGHTINGS, REFUSALS, WAITS, READY, AGES, BUDGETS, ["nothing"], TIMES),
    *product(
        STATUSES,
        SIGHTINGS,
        REFUSALS,
        ["a place"],
        READY,
        ["written long ago"],
        BUDGETS,
        [asked for asked in REQUESTS if asked != "nothing"],
        TIMES,
    ),
]


def facts(
    status: str,
    sighting: str = "nothing",
    refusal: str = "allowed",
    wait: str = "a place",
    ready: str = "ready",
    age: str = "written long ago",
    budget: str = "no retries",
    asked: str = "nothing",
) -> Observed:
    return Observed(
        status=STATUSES[status],
        generation=1,
        created=NOW,
        requests=REQUESTS[asked],
        retries=BUDGETS[budget],
        stage_names=STAGES,
        refusal=REFUSALS[refusal],
        wait=WAITS[wait],
        worker=WORKER,
        sighting=SIGHTINGS[sighting],
        realiser_ready=READY[ready],
        status_age=AGES[age],
    )


def afterwards(observed: Observed, decision: Decision) -> Observed:
    """The facts once a decision was carried out and nothing else has happened."""
    wrote = decision.status != observed.status
    started = Sighting(decision.start, "Starting") if decision.start is not None else None
    return replace(
        observed,
        status=decision.status,
        status_age=0.0 if wrote else observed.status_age,
        sighting=started or (None if decision.release else observed.sighting),
    )


def check_invariants(observed: Observed, decision: Decision, now: datetime) -> None:
    before, after = observed.status, decision.status
    assert PipelineRunStatus.model_validate(after.model_dump(by_alias=True)) == after
    if before.phase in TERMINAL_PHASES:
        assert (after, decision.start, decision.event) == (before, None, None)
        assert decision.release
    if decision.start is not None:
        assert before.phase not in UNDER_WAY
        assert not observed.requests.hold
        assert (after.phase, after.attempt) == ("Starting", decision.start)
        assert decision.start == (before.attempt or 0) + 1
        assert not decision.release
    else:
        assert after.attempt == before.attempt
    assert (after.exit_code is not None) == (after.phase in TERMINAL_PHASES)
    assert (after.completion_time is not None) == (after.phase in TERMINAL_PHASES)
    assert after.phase != "Succeeded" or after.exit_code == 0
    assert after.phase != "Failed" or after.exit_code != 0
    assert (after.failure is None) == (after.exit_code in {None, 0})
    assert failures(after) <= (after.attempt or 0)
    assert (after.stopping is not None) == (after.phase == "Stopping")
    stopped = after.phase == "Stopping"
    assert (decision.stop is not None) == (stopped and observed.realiser_ready)
    assert after.phase != "Suspended" or after.start_time is None
    if after.phase != "Suspended" or before.phase != "Suspended":
        assert len({it.type for it in after.conditions}) == len(after.conditions)
    if before.phase in UNDER_WAY and after.phase not in UNDER_WAY:
        assert decision.release
        assert after.attempts[-1].completion_time is not None
    if decision.event is not None:
        assert decision.event.reason in reasons.EVENTS
        assert after != before
    if after.phase != before.phase:
        assert {it.observed_generation for it in after.conditions} == {observed.generation}
    assert all(it.reason in reasons.MEANINGS for it in after.conditions)
    assert decision.requeue_after is None or decision.requeue_after > 0
    assert decide(observed, now) == decision


@pytest.mark.parametrize("status", STATUSES)
def test_every_decision_keeps_the_invariants(status: str) -> None:
    for case in (case for case in GRID if case[0] == status):
        *factors, time = case
        observed = facts(*factors)
        check_invariants(observed, decide(observed, TIMES[time]), TIMES[time])


@pytest.mark.parametrize("status", STATUSES)
def test_a_second_decision_on_the_result_of_the_first_does_nothing(status: str) -> None:
    for case in (case for case in GRID if case[0] == status):
        *factors, time = case
        observed = facts(*factors)
        first = decide(observed, TIMES[time])
        second = decide(afterwards(observed, first), TIMES[time])
        # What was hidden behind an attempt under way shows once that has ended: that the run is
        # refused, held or late, or that it was resumed meanwhile.
        if observed.status.phase in UNDER_WAY and first.release:
            continue
        assert second.status == first.status, case
        assert (second.start, second.event) == (None, None), case


TABLE: list[tuple[str, str, dict[str, str], str | None]] = [
    # status, sighting, other factors → phase
    ("new", "nothing", {}, "Starting"),
    ("new", "nothing", {"wait": "no place"}, "Pending"),
    ("new", "nothing", {"wait": "no Ray", "ready": "not ready"}, "Pending"),
    ("new", "nothing", {"refusal": "refused"}, "Failed"),
    ("new", "nothing", {"refusal": "refused", "wait": "no Ray"}, "Failed"),
    ("pending", "nothing", {}, "Starting"),
    ("pending", "nothing", {"wait": "no place"}, "Pending"),
    ("pending", "nothing", {"refusal": "refused"}, "Failed"),
    ("backing off", "nothing", {}, "Pending"),
    ("backing off", "nothing", {"refusal": "refused"}, "Failed"),
    ("starting", "starting", {}, "Starting"),
    ("starting", "hopeless", {}, "Stopping"),
    ("starting", "hopeless", {"asked": "suspend"}, "Stopping"),
    ("starting", "running", {}, "Running"),
    ("starting", "running", {"age": "just written"}, "Starting"),
    ("starting", "success", {"age": "just written"}, "Succeeded"),
    ("starting", "user failure", {}, "Failed"),
    ("starting", "user failure", {"budget": "retries"}, "Pending"),
    ("starting", "nothing", {}, "Failed"),
    ("starting", "nothing", {"budget": "retries"}, "Pending"),
    ("starting", "nothing", {"ready": "not ready"}, "Starting"),
    ("running", "starting", {}, "Running"),
    ("running", "running", {}, "Running"),
    ("running", "success", {}, "Succeeded"),
    ("running", "user failure", {}, "Failed"),
    ("running", "user failure", {"budget": "retries"}, "Pending"),
    ("running", "config failure", {"budget": "retries"}, "Failed"),
    ("running", "infrastructure failure", {}, "Failed"),
    ("running", "infrastructure failure", {"budget": "retries"}, "Pending"),
    ("running", "an end without an outcome", {}, "Failed"),
    ("running", "lost", {}, "Failed"),
    ("running", "lost", {"budget": "retries"}, "Pending"),
    ("running", "lost", {"ready": "not ready"}, "Running"),
    ("running", "nothing", {"ready": "not ready"}, "Running"),
    ("running", "nothing", {"budget": "retries"}, "Pending"),
    ("new", "nothing", {"asked": "suspend"}, "Suspended"),
    ("new", "nothing", {"asked": "suspend", "refusal": "refused"}, "Suspended"),
    ("new", "nothing", {"asked": "drain"}, "Cancelled"),
    ("new", "nothing", {"asked": "terminate", "refusal": "refused"}, "Cancelled"),
    ("pending", "nothing", {"asked": "suspend"}, "Suspended"),
    ("backing off", "nothing", {"asked": "suspend"}, "Suspended"),
    ("backing off", "nothing", {"asked": "terminate"}, "Cancelled"),
    ("suspended", "nothing", {"asked": "suspend"}, "Suspended"),
    ("suspended", "nothing", {}, "Starting"),
    ("suspended again", "nothing", {}, "Starting"),
    ("suspended", "nothing", {"wait": "no place"}, "Pending"),
    ("suspended", "nothing", {"refusal": "refused"}, "Failed"),
    ("suspended", "nothing", {"asked": "suspend and drain"}, "Cancelled"),
    ("starting", "starting", {"asked": "suspend"}, "Stopping"),
    ("running", "running", {"asked": "suspend"}, "Stopping"),
    ("running", "running", {"asked": "drain"}, "Stopping"),
    ("running", "running", {"asked": "drain", "ready": "not ready"}, "Running"),
    ("running", "success", {"asked": "drain"}, "Succeeded"),
    ("running", "success", {"asked": "suspend"}, "Succeeded"),
    ("running", "user failure", {"asked": "terminate"}, "Failed"),
    ("running", "lost", {"asked": "suspend", "budget": "retries"}, "Pending"),
    ("stopping by Suspend", "running", {}, "Stopping"),
    ("stopping by Suspend", "stopped", {"asked": "suspend"}, "Suspended"),
    ("stopping by Suspend", "stopped", {}, "Suspended"),
    ("stopping by Suspend", "lost", {}, "Suspended"),
    ("stopping by Suspend", "user failure", {"asked": "suspend"}, "Suspended"),
    ("stopping by Suspend", "success", {"asked": "suspend"}, "Succeeded"),
    ("stopping by Drain", "success", {"asked": "drain"}, "Cancelled"),
    ("stopping by Drain", "user failure", {"asked": "drain", "budget": "retries"}, "Cancelled"),
    ("stopping by Terminate", "stopped", {"asked": "terminate"}, "Cancelled"),
    ("stopping by Terminate", "nothing", {"asked": "terminate"}, "Cancelled"),
    ("stopping by Terminate", "success", {"asked": "terminate"}, "Succeeded"),
    ("stopping by ActiveDeadline", "stopped", {"budget": "retries"}, "Failed"),
    ("stopping by ActiveDeadline", "success", {}, "Succeeded"),
    ("stopping by AttemptDeadline", "stopped", {"budget": "retries"}, "Failed"),
    ("stopping by PendingDeadline", "lost", {"budget": "retries"}, "Failed"),
    ("running", "user failure", {"budget": "rules"}, "Pending"),
    ("running", "infrastructure failure", {"budget": "rules"}, "Failed"),
    ("running", "config failure", {"budget": "rules"}, "Failed"),
    ("stopping by AttemptDeadline", "stopped", {"budget": "rules"}, "Pending"),
    ("stopping by ActiveDeadline", "stopped", {"budget": "rules"}, "Failed"),
    ("stopping by Suspend", "user failure", {"budget": "rules"}, "Suspended"),
    ("stopping by Drain", "user failure", {"budget": "rules"}, "Cancelled"),
    ("cancelled", "success", {"asked": "suspend"}, "Cancelled"),
    ("succeeded", "lost", {"refusal": "refused"}, "Succeeded"),
    ("failed", "success", {"budget": "retries"}, "Failed"),
]


@pytest.mark.parametrize(("status", "sighting", "factors", "phase"), TABLE)
def test_the_phase_follows_from_the_facts(
    status: str, sighting: str, factors: dict[str, str], phase: str
) -> None:
    assert decide(facts(status, sighting, **factors), NOW).status.phase == phase


def test_the_intent_is_in_the_status_that_is_written_before_the_start() -> None:
    decision = decide(facts("new"), NOW)
    assert decision.start == decision.status.attempt == 1
    assert decision.event is not None
    assert decision.event.message == "Attempt 1 started in operator operator-0"


def test_an_attempt_that_can_never_start_is_ended_before_it_is_judged() -> None:
    decision = decide(facts("starting", "hopeless", budget="retries"), NOW)
    assert (decision.stop, decision.status.phase) == ("Terminate", "Stopping")
    assert {it.reason for it in decision.status.conditions} == {reasons.IMAGE_PULL_FAILED}
    assert decision.event is not None
    assert (decision.event.type, decision.event.reason) == ("Warning", reasons.IMAGE_PULL_FAILED)


def test_a_run_that_waits_says_for_what() -> None:
    status = decide(facts("new", wait="no place"), NOW).status
    assert {it.reason for it in status.conditions} == {reasons.WAITING_FOR_PLACE}
    assert decide(facts("pending", wait="no place"), NOW).status == STATUSES["pending"]
    assert decide(facts("pending", wait="no Ray"), NOW).status != STATUSES["pending"]


def test_a_run_that_nobody_calls_looks_again_and_stands_in_nobodys_way() -> None:
    for state in ("new", "pending"):
        decision = decide(facts(state, wait="no code"), NOW)
        assert (decision.release, decision.requeue_after) == (True, 5)


def test_a_refused_run_fails_as_invalid_without_an_attempt() -> None:
    decision = decide(facts("new", refusal="refused"), NOW)
    status = decision.status
    assert (status.exit_code, status.attempt, status.start_time) == (2, None, None)
    assert status.failure is not None
    assert (status.failure.class_, status.failure.message) == ("Config", "spec.pipeline: is wrong")
    assert decision.event is not None
    assert (decision.event.type, decision.event.reason) == ("Warning", reasons.INVALID_DEFINITION)


@pytest.mark.parametrize(
    "observed",
    [
        replace(facts("new"), refusal=Refusal(reasons.INVALID_DEFINITION, "x" * 5000)),
        replace(facts("running"), sighting=Sighting(1, "Lost", message="x" * 5000)),
    ],
)
def test_a_message_of_any_length_fits(observed: Observed) -> None:
    failure = decide(observed, NOW).status.failure
    assert failure is not None
    assert len(failure.message) == MESSAGE_LIMIT


def test_a_lost_attempt_is_an_infrastructure_failure_by_sigkill() -> None:
    status = decide(facts("running", "lost"), NOW).status
    assert (status.exit_code, status.elapsed_seconds) == (137, 0.0)
    assert status.failure is not None
    assert (status.failure.class_, status.failure.signal) == ("Infrastructure", 9)
    assert status.failure.message == "attempt 1 is nowhere to be found: its node is gone"


def test_progress_is_written_every_now_and_then() -> None:
    def with_age(status: str, age: float) -> Decision:
        return decide(replace(facts(status, "running"), status_age=age), NOW)

    assert with_age("starting", RUNNING_AFTER / 4).requeue_after == RUNNING_AFTER * 3 / 4
    assert with_age("starting", RUNNING_AFTER).status.phase == "Running"
    early = with_age("running", PROGRESS_INTERVAL / 4)
    assert (early.status, early.requeue_after) == (STATUSES["running"], PROGRESS_INTERVAL * 3 / 4)
    due = with_age("running", PROGRESS_INTERVAL)
    assert (due.status.progress, due.requeue_after) == ("1/2", PROGRESS_INTERVAL)


def test_progress_that_has_not_changed_is_not_written_again() -> None:
    sighting = Sighting(1, "Running", stages=stages("Running", "Pending"))
    assert decide(replace(facts("running"), sighting=sighting), LATER).status == STATUSES["running"]


@pytest.mark.parametrize("seconds", [0.0, 9.0, 10.0, 11.0])
def test_the_next_attempt_waits_for_its_back_off(seconds: float) -> None:
    decision = decide(facts("backing off"), NOW + timedelta(seconds=seconds))
    if seconds < 10:
        assert (decision.start, decision.requeue_after) == (None, 10 - seconds)
    else:
        assert decision.start == 2


def test_a_failed_attempt_says_when_the_next_one_starts() -> None:
    decision = decide(facts("running", "user failure", budget="retries"), NOW)
    assert decision.requeue_after == 10
    assert decision.event is not None
    assert decision.event.message == (
        "Stage out: ValueError: no (exit code 1); attempt 1 failed, next in 10 s"
    )


@pytest.mark.parametrize(
    ("failures", "phases"),
    [
        # One letter an attempt: u fails by the user, i by the infrastructure, s succeeds.
        ("s", "S"),
        ("us", "PS"),
        ("uu", "PF"),
        ("iis", "PPS"),
        ("iii", "PPF"),
        ("iuis", "PPPS"),
        ("iuu", "PPF"),
        ("uiii", "PPPF"),
    ],
)
def test_each_kind_of_failure_has_its_own_budget(failures: str, phases: str) -> None:
    outcomes = {"u": failed(), "i": failed("Infrastructure", 137), "s": success()}
    retries = Retries(limit=1, infrastructure_limit=2, backoff=Backoff(initial_seconds=0))
    observed = replace(facts("new"), retries=retries)
    seen = ""
    for kind in failures:
        started = decide(observed, NOW)
        assert started.start is not None
        ended = Sighting(started.start, "Ended", outcome=outcomes[kind])
        decision = decide(replace(observed, status=started.status, sighting=ended), NOW)
        assert decision.status.phase is not None
        seen += decision.status.phase[0]
        observed = replace(observed, status=decision.status, sighting=None)
    assert seen == phases
