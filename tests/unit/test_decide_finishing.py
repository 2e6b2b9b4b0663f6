"""Deciding on finally stages: every end of a run, every end of its finally stages."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import pytest

from pipelinerun.api.spec import Retries, Shutdown
from pipelinerun.api.status import (
    TERMINAL_PHASES,
    Failure,
    FinallyState,
    Outcome,
    PipelineRunStatus,
    StageStatus,
    Worker,
)
from pipelinerun.core import reasons
from pipelinerun.core import status as build
from pipelinerun.core.conditions import current
from pipelinerun.core.deadlines import GRAIN
from pipelinerun.core.finishing import execution_of
from pipelinerun.core.observed import Decision, Observed, Refusal, Requests, Sighting
from pipelinerun.core.pacing import RETRY_REFUSED, RUNNING_AFTER
from pipelinerun.core.policies import decide
from pipelinerun.core.stopping import STOP_INTERVAL
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
    starting,
    stopping,
    success,
    suspended,
)

LAST = Worker(pod="run-finally")
NODE = Worker(pod="run-finally", node="a")
LIMITS = Retries(infrastructure_limit=1)
DONE = Outcome(
    exit_code=0,
    elapsed_seconds=0.5,
    stages=[StageStatus(name="notify", state="Succeeded", seconds=0.4)],
)
WRONG = Outcome(
    exit_code=1,
    elapsed_seconds=0.5,
    failure=Failure(class_="User", stage="notify", exception="ValueError", message="no"),
    stages=[StageStatus(name="notify", state="Failed", seconds=0.4)],
)
RUNS = Sighting(-1, "Running", stages=(StageStatus(name="notify", state="Running"),), worker=NODE)
LOST = Sighting(-1, "Lost", message="its node is gone")


def facts(
    status: PipelineRunStatus, sighting: Sighting | None = None, **changes: object
) -> Observed:
    observed = Observed(
        status=status,
        generation=1,
        created=NOW,
        retries=LIMITS,
        stage_names=STAGES,
        worker=WORKER,
        finally_worker=LAST,
        sighting=sighting,
    )
    return replace(observed, **changes)  # type: ignore[arg-type]


def told(status: PipelineRunStatus) -> str:
    condition = current(status.conditions)
    assert condition is not None
    return f"{condition.reason}: {condition.message}"


ENDS: dict[str, tuple[Observed, datetime]] = {
    "success": (facts(running(), SIGHTINGS["success"]), NOW),
    "the last failure": (facts(running(), SIGHTINGS["user failure"]), NOW),
    "a wrong definition": (facts(running(), SIGHTINGS["config failure"]), NOW),
    "a loss": (
        facts(running(), SIGHTINGS["lost"], retries=Retries(infrastructure_limit=0)),
        NOW,
    ),
    "drained": (facts(stopping("Drain"), SIGHTINGS["success"]), NOW),
    "terminated": (facts(stopping("Terminate"), SIGHTINGS["stopped"]), NOW),
    "the run was late": (facts(stopping("ActiveDeadline"), SIGHTINGS["stopped"]), NOW),
    "the attempt was late": (facts(stopping("AttemptDeadline"), SIGHTINGS["stopped"]), NOW),
    "nothing ran in time": (facts(pending(), requests=Requests(pending_deadline=5)), LATER),
    "late in back-off": (facts(backing_off(), requests=Requests(active_deadline=5)), LATER),
    "ended before it began": (
        facts(PipelineRunStatus(), requests=Requests(shutdown="Terminate")),
        NOW,
    ),
    "ended while it was held": (facts(suspended(), requests=Requests(shutdown="Drain")), NOW),
    "ended in back-off": (facts(backing_off(), requests=Requests(shutdown="Terminate")), NOW),
}
"""Every way in which a run can end."""

FINALLIES: dict[str, Sighting | None] = {
    "success": Sighting(-1, "Ended", outcome=DONE, worker=NODE),
    "failure": Sighting(-1, "Ended", outcome=WRONG),
    "killed": Sighting(-1, "Ended", outcome=failed("OutOfMemory", 137)),
    "stopped": Sighting(-1, "Ended", outcome=failed("Cancelled", 143)),
    "cannot start": Sighting(-1, "Ended", outcome=failed("Infrastructure", 125)),
    "lost": LOST,
    "nothing": None,
}
"""Every way in which finally stages can end."""

NEVER_AGAIN = Retries(infrastructure_limit=0)


@pytest.mark.parametrize("end", ENDS)
def test_whatever_a_runs_end_its_finally_stages_start(end: str) -> None:
    observed, now = ENDS[end]
    decision = decide(observed, now)
    status, plain = decision.status, decide(replace(observed, finally_worker=None), now)
    assert plain.status.phase in TERMINAL_PHASES
    assert (status.phase, decision.start, decision.release) == ("Finishing", -1, False)
    assert (status.exit_code, status.failure, status.completion_time) == (None, None, None)
    assert status.verdict is not None
    assert status.verdict.exit_code == plain.status.exit_code
    assert status.verdict.attempt == (status.attempt or 0)
    assert status.finally_ is not None
    assert (status.finally_.state, status.finally_.worker) == ("Starting", LAST)
    assert decision.event == plain.event
    assert status.attempts == plain.status.attempts
    assert told(status).startswith("Finishing: ")


@pytest.mark.parametrize(("end", "last"), list(product(ENDS, FINALLIES)))
def test_however_its_finally_stages_end_the_run_ends_as_it_was_decided(end: str, last: str) -> None:
    observed, now = ENDS[end]
    plain = decide(replace(observed, finally_worker=None), now).status
    status = decide(observed, now).status
    over = decide(facts(status, FINALLIES[last], retries=NEVER_AGAIN), now)
    after = over.status
    assert over.release
    assert (after.phase, after.exit_code) == (plain.phase, plain.exit_code)
    assert after.model_copy(update={"finally_": None, "conditions": plain.conditions}) == plain
    assert {it.type: (it.status, it.reason) for it in after.conditions} == {
        it.type: (it.status, it.reason) for it in plain.conditions
    }
    assert after.finally_ is not None
    failed_ = last != "success"
    assert after.finally_.state == ("Failed" if failed_ else "Succeeded")
    assert (after.finally_.exit_code == 0) is not failed_
    assert (after.finally_.failure is not None) is failed_
    assert (over.event is not None) is failed_
    assert ("finally stages failed" in told(after)) is failed_


def in_state(state: FinallyState, execution: int = 1) -> PipelineRunStatus:
    """A run that has succeeded, but for its finally stages."""
    ended = build.attempt_ended(running(), success(), now=NOW)
    (last,) = (decide(facts(running(), SIGHTINGS["success"]), NOW).status.finally_,)
    assert last is not None
    count = 0 if state == "Pending" else execution
    last = last.model_copy(update={"state": state, "execution": count})
    verdict = build.verdict(ended, success())
    return build.finishing(ended, verdict, last, generation=1, now=NOW)


def grid() -> Iterator[tuple[Observed, datetime]]:
    """Everything that may be seen of finally stages, after a restart of the operator as well."""
    sightings = [
        *FINALLIES.values(),
        Sighting(-1, "Starting"),
        Sighting(-1, "Starting", reason=reasons.POD_REFUSED, message="quota"),
        Sighting(-1, "Starting", reason=reasons.UNSCHEDULABLE, message="no node"),
        Sighting(-1, "Starting", outcome=failed("Config", 125), reason=reasons.IMAGE_PULL_FAILED),
        RUNS,
    ]
    states: tuple[FinallyState, ...] = ("Pending", "Starting", "Running", "Stopping")
    shutdowns: tuple[Shutdown | None, ...] = (None, "Terminate")
    asked = [
        Requests(suspend=hold, shutdown=shutdown, active_deadline=1, attempt_deadline=1)
        for hold, shutdown in product((False, True), shutdowns)
    ]
    for state, execution, sighting, requests, ready, restartable, age, time, worker in product(
        states,
        (1, 2),
        sightings,
        asked,
        (True, False),
        (True, False),
        (0.0, float("inf")),
        (NOW, LATER),
        (LAST, None),
    ):
        observed = facts(
            in_state(state, execution),
            None if state == "Pending" else sighting,
            requests=requests,
            realiser_ready=ready,
            restartable=restartable and worker is not None,
            status_age=age,
            finally_worker=worker,
        )
        yield observed, time


def test_nothing_that_happens_meanwhile_changes_how_the_run_ends() -> None:
    for observed, now in grid():
        decision = decide(observed, now)
        check(observed, decision)
        if decision.status.phase == "Finishing" and observed.realiser_ready:
            late = decide(replace(observed, status=decision.status, sighting=None), LATER)
            check(replace(observed, status=decision.status), late)


def check(observed: Observed, decision: Decision) -> None:
    before, status = observed.status, decision.status
    assert status.finally_ is not None
    assert before.finally_ is not None
    if status.phase == "Finishing":
        assert (status.verdict, status.exit_code) == (before.verdict, None)
        assert not decision.release
    else:
        assert (status.phase, status.exit_code, status.verdict) == ("Succeeded", 0, None)
        assert status.finally_.state in {"Succeeded", "Failed"}
        assert decision.release
    assert status.attempts == before.attempts
    assert decision.stop in {None, "Terminate"}
    if decision.start is not None:
        assert observed.realiser_ready
        assert decision.start == execution_of(status) == -status.finally_.execution
        again = status.finally_.execution == before.finally_.execution
        assert not again or observed.restartable
        assert status.finally_.execution <= 1 + LIMITS.infrastructure_limit or again
    else:
        assert status.finally_.execution == before.finally_.execution


def test_lost_stages_run_once_more_within_the_limit_of_the_infrastructure() -> None:
    decision = decide(facts(in_state("Running"), LOST), NOW)
    assert (decision.start, decision.status.phase) == (-2, "Finishing")
    assert decision.event is not None
    assert (decision.event.type, decision.event.reason) == ("Warning", reasons.RETRYING)
    over = decide(facts(decision.status, replace(LOST, number=-2)), NOW).status
    assert over.finally_ is not None
    assert over.finally_.failure is not None
    assert (over.finally_.exit_code, over.finally_.failure.class_) == (137, "Infrastructure")
    assert over.finally_.execution == 2
    assert over.infrastructure_failures is None


def test_a_failure_of_their_own_is_not_tried_again() -> None:
    decision = decide(facts(in_state("Running"), FINALLIES["failure"]), NOW)
    assert decision.status.phase == "Succeeded"
    assert decision.event is not None
    assert (decision.event.type, decision.event.reason) == ("Warning", reasons.FINALLY_FAILED)
    assert decision.event.message == (
        "Stage notify: ValueError: no (exit code 1) in pod run-finally"
    )


def test_they_wait_until_it_is_known_what_runs() -> None:
    ended = facts(pending(), requests=Requests(shutdown="Drain"), realiser_ready=False)
    waits = decide(ended, NOW)
    assert waits.start is None
    assert waits.status.finally_ is not None
    assert waits.status.finally_.state == "Pending"
    assert decide(facts(waits.status, realiser_ready=False), NOW).status == waits.status
    assert decide(facts(waits.status), NOW).start == -1
    late = decide(facts(waits.status, realiser_ready=False), LATER).status
    assert (late.phase, late.finally_ and late.finally_.exit_code) == ("Cancelled", 124)


def test_stages_that_were_handed_out_and_are_nowhere_start_again_where_that_does_no_harm() -> None:
    for sighting in (None, Sighting(-1, "Starting", reason=reasons.POD_REFUSED, message="quota")):
        again = decide(facts(in_state("Starting"), sighting, restartable=True), NOW)
        assert (again.start, again.requeue_after) == (-1, RETRY_REFUSED)
        assert again.event is None
    assert told(again.status) == "PodRefused: quota"
    assert decide(facts(in_state("Starting"), None), NOW).start == -2


def test_what_keeps_them_from_starting_is_told() -> None:
    blocked = Sighting(-1, "Starting", reason=reasons.UNSCHEDULABLE, message="no node")
    decision = decide(facts(in_state("Starting"), blocked), NOW)
    assert told(decision.status) == "Unschedulable: no node"
    assert decide(facts(decision.status, blocked), NOW).status == decision.status
    seen = decide(facts(decision.status, RUNS), NOW).status
    assert told(seen).startswith("Finishing: Pipeline succeeded")


def test_what_can_never_start_is_ended_first() -> None:
    outcome = failed("Config", 125)
    why = reasons.IMAGE_PULL_FAILED
    hopeless = Sighting(-1, "Starting", outcome, reason=why, message="no such image")
    decision = decide(facts(in_state("Starting"), hopeless), NOW)
    assert (decision.stop, decision.status.phase) == ("Terminate", "Finishing")
    assert told(decision.status) == "ImagePullFailed: no such image"
    again = decide(facts(decision.status, hopeless), NOW)
    assert (again.stop, again.status) == ("Terminate", decision.status)
    # Of a container that never began, a kubelet tells an end all the same.
    made_up = Sighting(-1, "Ended", failed("Infrastructure", 137), reason=reasons.POD_DELETED)
    for gone in (made_up, Sighting(-1, "Lost", reason=reasons.POD_DELETED), None):
        over = decide(facts(decision.status, gone), NOW).status
        assert over.finally_ is not None
        assert (over.finally_.exit_code, over.finally_.failure) == (125, outcome.failure)
    late = decide(facts(in_state("Starting"), replace(hopeless, outcome=None)), LATER).status
    late = decide(facts(late, made_up), LATER).status
    assert late.finally_ is not None
    assert late.finally_.exit_code == 124


def test_they_are_shown_as_running_once_they_take_their_time() -> None:
    young = decide(facts(in_state("Starting"), RUNS, status_age=0.4), NOW)
    assert young.status.finally_ is not None
    assert young.status.finally_.state == "Starting"
    assert young.requeue_after == pytest.approx(RUNNING_AFTER - 0.4)
    shown = decide(facts(in_state("Starting"), RUNS), NOW).status.finally_
    assert shown is not None
    assert (shown.state, shown.worker) == ("Running", NODE)
    assert [it.state for it in shown.stages] == ["Running"]


def test_they_have_a_deadline_of_their_own() -> None:
    def after(seconds: float, **changes: object) -> Decision:
        observed = facts(in_state("Running"), RUNS, **changes)
        return decide(observed, NOW + timedelta(seconds=seconds) + GRAIN)

    asked = Requests(finally_deadline=20, active_deadline=1)
    assert after(19, requests=asked).stop is None
    assert after(19, requests=asked).requeue_after == 1
    late = after(20, requests=asked)
    assert (late.stop, late.requeue_after) == ("Terminate", STOP_INTERVAL)
    assert late.status.finally_ is not None
    assert (late.status.phase, late.status.finally_.state) == ("Finishing", "Stopping")
    again = decide(facts(late.status, RUNS, requests=asked), LATER)
    assert (again.stop, again.status) == ("Terminate", late.status)
    for sighting in (FINALLIES["stopped"], FINALLIES["failure"], LOST, None):
        over = decide(facts(late.status, sighting, requests=asked), LATER).status
        assert over.finally_ is not None
        assert over.finally_.failure is not None
        assert (over.finally_.exit_code, over.finally_.failure.class_) == (124, "Timeout")
        assert over.finally_.failure.message == (
            "finallyDeadlineSeconds: the finally stages took longer than 20 s"
        )
    through = decide(facts(late.status, FINALLIES["success"], requests=asked), LATER).status
    assert through.finally_ is not None
    assert through.finally_.state == "Succeeded"


@pytest.mark.parametrize("asked", [{"suspend": True}, {"shutdown": "Terminate"}])
def test_neither_suspend_nor_shutdown_cuts_them_short(asked: dict[str, object]) -> None:
    requests = replace(Requests(), **asked)  # type: ignore[arg-type]
    for state in ("Starting", "Running"):
        decision = decide(facts(in_state(state), RUNS, requests=requests, status_age=0), NOW)
        assert (decision.stop, decision.status.phase) == (None, "Finishing")


def test_a_refused_run_has_none() -> None:
    refused = Refusal(reasons.INVALID_DEFINITION, "spec.pipeline: is wrong")
    decision = decide(facts(PipelineRunStatus(), refusal=refused, finally_worker=None), NOW)
    assert (decision.status.phase, decision.status.finally_) == ("Failed", None)


def test_an_operator_that_cannot_run_them_any_more_says_so() -> None:
    refused = Refusal(reasons.MODE_NOT_SUPPORTED, "no image for worker pods")
    observed = facts(in_state("Pending"), refusal=refused, finally_worker=None)
    status = decide(observed, NOW).status
    assert (status.phase, status.exit_code) == ("Succeeded", 0)
    assert status.finally_ is not None
    assert status.finally_.failure is not None
    assert status.finally_.failure.message == "no image for worker pods"


def test_an_attempt_that_is_followed_by_another_is_no_end() -> None:
    retried = decide(facts(running(), SIGHTINGS["user failure"], retries=Retries(limit=1)), NOW)
    held = decide(
        facts(stopping("Suspend"), SIGHTINGS["stopped"], requests=Requests(suspend=True)), NOW
    )
    assert (retried.status.phase, held.status.phase) == ("Pending", "Suspended")
    assert decide(facts(starting(), SIGHTINGS["starting"]), NOW).status.finally_ is None
