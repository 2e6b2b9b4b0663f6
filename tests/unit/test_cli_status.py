"""The status that the command line shows in place of a cluster."""

from datetime import UTC, datetime, timedelta

from pipelinerun.api.status import Failure, Outcome, PipelineRunStatus, StageStatus
from pipelinerun.api.violations import InvalidDefinitionError, Violation
from pipelinerun.cli.status import document, ended, refused

STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ENDED = STARTED + timedelta(seconds=7)


def test_a_success_is_one_attempt_that_completed() -> None:
    stages = [StageStatus(name=name, state="Succeeded") for name in ("read", "write")]
    outcome = Outcome(exit_code=0, elapsed_seconds=6.12345, stages=stages)
    shown = document(ended(["read", "write"], outcome, started=STARTED, now=ENDED))
    assert shown | {"stages": [], "conditions": []} == {
        "phase": "Succeeded",
        "exitCode": 0,
        "elapsedSeconds": 6.123,
        "startTime": "2026-01-02T03:04:05Z",
        "completionTime": "2026-01-02T03:04:12Z",
        "progress": "2/2",
        "attempt": 1,
        "attempts": [
            {
                "number": 1,
                "reason": "Completed",
                "exitCode": 0,
                "elapsedSeconds": 6.123,
                "startTime": "2026-01-02T03:04:05Z",
                "completionTime": "2026-01-02T03:04:12Z",
            }
        ],
        "stages": [],
        "conditions": [],
    }


def test_a_failure_before_any_stage_ran_still_names_the_stages() -> None:
    failure = Failure(class_="Infrastructure", message="no Ray")
    status = ended(
        ["read", "write"], Outcome(exit_code=125, failure=failure), started=STARTED, now=ENDED
    )
    assert (status.phase, status.exit_code, status.failure) == ("Failed", 125, failure)
    assert [(it.name, it.state) for it in status.stages] == [
        ("read", "Pending"),
        ("write", "Pending"),
    ]


def test_a_refused_manifest_has_no_attempt_and_lists_all_violations() -> None:
    error = InvalidDefinitionError([Violation("spec.a", "wrong"), Violation("spec.b", "missing")])
    shown = document(refused(error, now=ENDED))
    assert shown["failure"] == {"class": "Config", "message": "spec.a: wrong; spec.b: missing"}
    assert (shown["phase"], shown["exitCode"], shown["attempts"]) == ("Failed", 2, [])
    assert {it["type"]: it["status"] for it in shown["conditions"]} == {
        "Succeeded": "False",
        "Ready": "False",
        "Stalled": "True",
    }


def test_the_document_reads_back_as_the_same_status() -> None:
    status = ended(["read"], Outcome(exit_code=0), started=STARTED, now=ENDED)
    assert PipelineRunStatus.model_validate(document(status)) == status
