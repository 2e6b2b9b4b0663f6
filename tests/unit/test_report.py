"""Reports of attempts."""

from datetime import UTC, datetime

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.report import RunReport, digest_of, report_of
from pipelinerun.api.status import Failure, Outcome, StageStatus
from tests.support.definitions import stage

STAGES = [
    stage("read", "source"),
    stage("clean", enabled=False),
    stage("embed", actor="steps:Embed"),
    stage("write", "sink"),
]
START, END = datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(2026, 1, 31, 12, 0, 9, 500, UTC)


def definition(**fields: object) -> PipelineDefinition:
    return PipelineDefinition.model_validate({"name": "docs", "stages": STAGES, **fields})


def report(outcome: Outcome) -> RunReport:
    job = PipelineJob(definition=definition(), run=RunIdentity(name="run", params={"p": 1}))
    return report_of(job, outcome, started=START, ended=END)


def test_a_report_has_the_figures_of_stages_and_edges() -> None:
    read = StageStatus(name="read", state="Succeeded", rows_out=100, seconds=2.0, replicas=1)
    embed = StageStatus(
        name="embed",
        state="Succeeded",
        rows_in=100,
        rows_out=90,
        seconds=4.0,
        replicas=2,
        peak_memory_bytes=5000,
    )
    write = StageStatus(name="write", state="Succeeded", rows_in=90)
    made = report(Outcome(exit_code=0, elapsed_seconds=6.00049, stages=[read, embed, write]))
    assert made.model_dump(mode="json", by_alias=True, exclude_none=True) == {
        "apiVersion": "pipelinerun.dev/v1alpha1",
        "kind": "PipelineRunReport",
        "run": {
            "name": "run",
            "namespace": "default",
            "uid": "local",
            "attempt": 1,
            "params": {"p": 1},
        },
        "pipeline": "docs",
        "definitionDigest": digest_of(definition()),
        "startTime": "2026-01-31T12:00:00.000+00:00",
        "endTime": "2026-01-31T12:00:09.000+00:00",
        "exitCode": 0,
        "elapsedSeconds": 6.0,
        "stages": [
            {
                "name": "read",
                "type": "source",
                "code": "steps:work",
                "state": "Succeeded",
                "rowsIn": 0,
                "rowsOut": 100,
                "errors": 0,
                "seconds": 2.0,
                "rowsPerSecond": 50.0,
                "replicas": 1,
            },
            {
                "name": "embed",
                "type": "stage",
                "code": "steps:Embed",
                "state": "Succeeded",
                "rowsIn": 100,
                "rowsOut": 90,
                "errors": 0,
                "seconds": 4.0,
                "rowsPerSecond": 25.0,
                "replicas": 2,
                "peakMemoryBytes": 5000,
            },
            {
                "name": "write",
                "type": "sink",
                "code": "steps:work",
                "state": "Succeeded",
                "rowsIn": 90,
                "rowsOut": 0,
                "errors": 0,
                "seconds": 0.0,
                "replicas": 0,
            },
        ],
        "edges": [
            {"from": "embed", "to": "write", "rows": 90},
            {"from": "read", "to": "embed", "rows": 100},
        ],
    }


def test_a_failure_is_told_and_what_did_not_run_has_no_figures() -> None:
    failure = Failure(class_="User", stage="read", message="no")
    made = report(Outcome(exit_code=1, failure=failure, stages=[]))
    assert made.failure == failure
    assert {it.state for it in made.stages} == {None}
    assert {it.rows for it in made.edges} == {None}


def test_a_report_can_be_read_again() -> None:
    made = report(Outcome(exit_code=0, stages=[StageStatus(name="read", state="Succeeded")]))
    assert RunReport.model_validate_json(made.model_dump_json(by_alias=True)) == made


def test_the_digest_is_that_of_what_is_meant() -> None:
    assert digest_of(definition()) == digest_of(definition(edges=[], runtime={}))
    assert digest_of(definition()) != digest_of(definition(runtime={"disableDynamicScaling": True}))
