"""What to do next, for every class and reason."""

from typing import Any, get_args

import pytest

from pipelinerun.api.status import TERMINAL_PHASES, FailureClass, Phase
from pipelinerun.cli.cluster.advice import Step, next_steps
from pipelinerun.cli.cluster.reading import status_of
from pipelinerun.core import reasons
from tests.support.described import run_with


def steps(
    phase: str | None, reason: str = "", failure: str | None = None, **status: Any
) -> list[Step]:
    if failure:
        status["failure"] = {"class": failure, "stage": "split"}
    run = run_with(phase, reason=reason, status=status)
    return next_steps(run, status_of(run), "pipelinerun")


@pytest.mark.parametrize("phase", get_args(Phase))
def test_there_is_something_to_do_unless_all_is_well(phase: str) -> None:
    for reason in reasons.MEANINGS:
        found = steps(phase, reason)
        assert bool(found) == (phase != "Succeeded"), reason
        for step in found:
            assert step.text[0].isupper()
            assert step.text[-1] not in ".:,"


@pytest.mark.parametrize("failure", get_args(FailureClass))
def test_each_class_of_failure_has_its_own_advice(failure: str) -> None:
    others = {other: steps("Failed", "Unknown", other) for other in get_args(FailureClass)}
    assert [other for other, it in others.items() if it == others[failure]] == [failure]


def test_a_failure_of_the_code_leads_to_the_stage_and_back() -> None:
    assert steps("Failed", reasons.PIPELINE_FAILED, "User") == [
        Step("Read what it printed before", "pipelinerun logs text -n team"),
        Step(
            "Mend the code of stage 'split', and try it here, without a cluster",
            "pipelinerun run FILE",
        ),
        Step(
            "Then submit the file again, as a new run",
            "pipelinerun submit FILE --name text-2 -n team",
        ),
        Step(
            "If the cause was not in the code and has passed, run it again",
            "pipelinerun retry text -n team",
        ),
    ]


def test_a_checkpoint_is_made_use_of() -> None:
    kept = [{"name": "split", "checkpointed": True}]
    (*_, last) = steps("Failed", reasons.EVICTED, "Infrastructure", stages=kept)[:1]
    assert last.command == "pipelinerun retry text --resume -n team"
    assert "behind its last checkpoint" in last.text


def test_a_deadline_is_named_by_its_field() -> None:
    for reason, field in (
        (reasons.DEADLINE_EXCEEDED, "spec.activeDeadlineSeconds"),
        (reasons.ATTEMPT_DEADLINE_EXCEEDED, "spec.attemptDeadlineSeconds"),
        (reasons.PENDING_DEADLINE_EXCEEDED, "spec.pendingDeadlineSeconds"),
    ):
        assert any(field in step.text for step in steps("Failed", reason, "Timeout"))


def test_a_pod_that_does_not_start_is_looked_at() -> None:
    worker = {"pod": "text-abc-1"}
    first, *_ = steps("Starting", reasons.CONTAINER_BLOCKED, worker=worker)
    assert first.command == "kubectl describe pod text-abc-1 -n team"
    first, *_ = steps("Pending", reasons.UNSCHEDULABLE)
    assert first.command == "kubectl describe pod -l pipelinerun.dev/run=text -n team"


def test_what_a_run_waits_for_can_be_created_or_looked_at() -> None:
    (only,) = steps("Pending", reasons.WAITING_FOR_CODE)
    assert only.command == "kubectl create configmap NAME -n team --from-file=FILE.py"
    (only,) = steps("Pending", reasons.WAITING_FOR_CLUSTER)
    assert only.command == "kubectl describe raycluster NAME -n team"
    made = {"pod": "text-abc-1", "rayCluster": "text-1"}
    first, *_ = steps("Starting", reasons.CLUSTER_BLOCKED, worker=made)
    assert first.command == "kubectl describe raycluster text-1 -n team"


def test_a_run_that_nobody_has_looked_at_leads_to_the_operator() -> None:
    (only,) = steps(None)
    assert "No operator has looked at it yet" in only.text


def test_what_is_under_way_is_waited_for() -> None:
    for phase in {*get_args(Phase)} - TERMINAL_PHASES - {"Pending", "Suspended"}:
        assert [step.command for step in steps(phase)] == [
            "pipelinerun logs -f text -n team",
            "pipelinerun wait text -n team",
        ]


def test_finally_stages_that_failed_are_not_forgotten() -> None:
    last = {
        "state": "Failed",
        "startTime": "2026-01-01T11:00:00Z",
        "failure": {"class": "User", "message": "no"},
    }
    (only,) = steps("Succeeded", reasons.COMPLETED, None, **{"finally": last})
    assert only.command == "pipelinerun logs --finally text -n team"
