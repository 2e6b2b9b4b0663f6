"""Finally stages in both strategies, in a worker and on the command line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from running import Program, eventually

from pipelinerun.api.code import Code
from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.delivery import pack
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.status import Failure, Outcome, PipelineRunStatus, StageStatus, Verdict
from pipelinerun.api.termination import decode
from pipelinerun.execution.factory import create_strategy
from pipelinerun.execution.options import ExecutionOptions
from pipelinerun.execution.result import PipelineFailedError
from tests.support.definitions import Document, manifest

STEPS = """
import json, os, sys, time
from dataclasses import asdict
from pathlib import Path

def numbers():
    yield {"n": 1}

def endless(started):
    Path(started).touch()
    while True:
        time.sleep(0.1)
        yield {"n": 0}

def drop(row):
    pass

def wrong(row):
    raise ValueError("no row is good enough")

def note(file, text, context):
    told = asdict(context.outcome) | {"text": text, "stage": context.stage}
    told |= {"number": context.attempt, "params": context.params, "ray": "ray" in sys.modules}
    with open(file, "a") as lines:
        print(json.dumps(told), file=lines)

class Clean:
    def __init__(self, file):
        self.file = file
    def __call__(self):
        Path(self.file).write_text("cleaned")

def generate(file):
    yield
    Path(file).write_text("generated")

def fail():
    raise KeyError("gone")

def leave(code):
    sys.exit(code)

def crash():
    os._exit(9)

def wait(started, context):
    Path(started).touch()
    while not context.stopping:
        time.sleep(0.05)
"""
LINE: list[Document] = [
    {"name": "numbers", "type": "source", "callable": "steps:numbers"},
    {"name": "end", "type": "sink", "callable": "steps:drop"},
]
FAILED = Verdict(
    phase="Failed",
    reason="PipelineFailed",
    message="Stage end: ValueError: no (exit code 1)",
    exit_code=1,
    elapsed_seconds=2.5,
    failure=Failure(class_="User", stage="end", exception="ValueError", message="no"),
    attempt=3,
)
BOTH = pytest.mark.parametrize("in_subprocess", [True, False], ids=["subprocess", "in process"])

pytestmark = pytest.mark.usefixtures("trace")


def last(name: str, **config: Any) -> Document:
    key = "actor" if name[:1].isupper() else "callable"
    return {"name": name.lower(), key: f"steps:{name}", "config": config}


def job_of(*stages: Document) -> PipelineJob:
    definition = PipelineDefinition.model_validate({"stages": LINE, "finally": [*stages]})
    return PipelineJob(
        definition=definition,
        code=Code(files={"steps.py": STEPS}),
        run=RunIdentity(name="run", namespace="here", uid="u", attempt=-1, params={"size": 5}),
        verdict=FAILED,
    )


def outcome_of(in_subprocess: bool, *stages: Document) -> Outcome:
    seen: list[list[StageStatus]] = []
    options = ExecutionOptions(stdout=sys.stdout, stderr=sys.stderr, on_progress=seen.append)
    try:
        outcome = create_strategy(in_subprocess).execute(job_of(*stages), options).outcome
    except PipelineFailedError as error:
        outcome = error.outcome
    assert outcome is not None
    return outcome


@BOTH
def test_each_is_called_once_and_told_how_the_run_has_ended(
    in_subprocess: bool, tmp_path: Path
) -> None:
    file, cleaned, generated = (tmp_path / name for name in ("notes", "cleaned", "generated"))
    outcome = outcome_of(
        in_subprocess,
        last("note", file=str(file), text="hello"),
        last("Clean", file=str(cleaned)),
        last("generate", file=str(generated)),
    )
    assert (outcome.exit_code, outcome.failure) == (0, None)
    assert [(it.name, it.state) for it in outcome.stages] == [
        ("note", "Succeeded"),
        ("clean", "Succeeded"),
        ("generate", "Succeeded"),
    ]
    (line,) = file.read_text().splitlines()
    told = json.loads(line)
    assert told.pop("ray") is False or not in_subprocess
    assert told == {
        "phase": "Failed",
        "reason": "PipelineFailed",
        "message": "Stage end: ValueError: no (exit code 1)",
        "exit_code": 1,
        "elapsed_seconds": 2.5,
        "attempt": 3,
        "failure_class": "User",
        "stage": "note",
        "exception": "ValueError",
        "text": "hello",
        "number": 3,
        "params": {"size": 5},
    }
    assert (cleaned.read_text(), generated.read_text()) == ("cleaned", "generated")


@BOTH
def test_one_that_fails_keeps_no_other_from_being_called(
    in_subprocess: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = outcome_of(
        in_subprocess,
        last("fail"),
        last("leave", code=7),
        last("Clean", file=str(tmp_path / "cleaned")),
    )
    failure = outcome.failure
    assert (tmp_path / "cleaned").exists()
    assert outcome.exit_code == 1
    assert failure is not None
    assert (failure.class_, failure.stage, failure.exception) == ("User", "fail", "KeyError")
    assert failure.message == "'gone'; failed as well: leave"
    assert failure.tail is not None
    assert 'raise KeyError("gone")' in failure.tail
    assert [it.state for it in outcome.stages] == ["Failed", "Failed", "Succeeded"]
    assert "Finally stage fail failed:\nTraceback" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("stage", "exit_code", "kind"),
    [
        (last("leave", code=0), 0, None),
        (last("leave", code=7), 7, "User"),
        (last("crash"), 9, "User"),
        (last("missing"), 1, "User"),
    ],
    ids=["sys.exit(0)", "sys.exit(7)", "os._exit(9)", "no such function"],
)
def test_a_stages_end_is_an_exit_code(stage: Document, exit_code: int, kind: str | None) -> None:
    outcome = outcome_of(True, stage)
    assert outcome.exit_code == exit_code
    assert (outcome.failure.class_ if outcome.failure else None) == kind


@BOTH
def test_they_end_when_they_are_told_to(in_subprocess: bool, tmp_path: Path) -> None:
    started, cleaned = tmp_path / "started", tmp_path / "cleaned"
    job = job_of(last("wait", started=str(started)), last("Clean", file=str(cleaned)))
    handle = create_strategy(in_subprocess).execute(job, ExecutionOptions(block=False)).interface
    assert handle is not None
    assert eventually(started.exists)
    handle.stop()
    outcome = handle.wait(60)
    assert outcome is not None
    assert outcome.exit_code == 128 + signal.SIGTERM
    assert outcome.failure is not None
    assert outcome.failure.class_ == "Cancelled"
    assert not cleaned.exists()


def test_a_worker_runs_them_without_ray(tmp_path: Path) -> None:
    job, words, notes = tmp_path / "job", tmp_path / "words", tmp_path / "notes"
    job.write_text(pack(job_of(last("note", file=str(notes), text="x"), last("fail"))))
    command = [sys.executable, "-m", "pipelinerun.worker", str(job)]
    with Program(
        [*command, "--termination-message", str(words)], env={**os.environ}, text=True
    ) as process:
        process.communicate()
    outcome = decode(words.read_text())
    assert outcome is not None
    assert (process.returncode, outcome.exit_code) == (1, 1)
    assert [(it.name, it.state) for it in outcome.stages] == [
        ("note", "Succeeded"),
        ("fail", "Failed"),
    ]
    assert json.loads(notes.read_text())["ray"] is False


# The command line


def run(
    place: Path, *options: str, finally_: list[Document], sink: str = "drop", **spec: Any
) -> subprocess.Popen[str]:
    stages = [*LINE[:1], {**LINE[1], "callable": f"steps:{sink}"}]
    if "source" in spec:
        stages[0] = spec.pop("source")
    pipeline = {"stages": stages, "finally": finally_}
    (place / "steps.py").write_text(STEPS)
    (place / "run.json").write_text(json.dumps(manifest({"pipeline": pipeline, **spec})))
    return Program(
        [sys.executable, "-m", "pipelinerun", "run", "run.json", *options],
        cwd=place,
        env={**os.environ},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_failed_pipeline_keeps_its_exit_code_whatever_its_finally_stages_do(
    tmp_path: Path,
) -> None:
    stages = [last("fail"), last("note", file="notes", text="$(params.word)")]
    params = [{"name": "word", "value": "bye"}]
    arguments: dict[str, Any] = {"finally_": stages, "sink": "wrong", "params": params}
    with run(tmp_path, "-o", "json", **arguments) as process:
        out, err = process.communicate()
    status = PipelineRunStatus.model_validate(json.loads(out))
    assert (process.returncode, status.exit_code, status.phase) == (1, 1, "Failed")
    assert status.failure is not None
    assert status.failure.stage == "end"
    assert status.finally_ is not None
    assert (status.finally_.state, status.finally_.exit_code) == ("Failed", 1)
    assert status.finally_.failure is not None
    assert status.finally_.failure.stage == "fail"
    told = json.loads((tmp_path / "notes").read_text())
    assert (told["exit_code"], told["failure_class"], told["text"]) == (1, "User", "bye")
    assert "Running the finally stages\n" in err


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_they_run_after_a_signal_as_well(tmp_path: Path, signum: signal.Signals) -> None:
    source = {**LINE[0], "callable": "steps:endless", "config": {"started": "started"}}
    stages = [last("note", file="notes", text="x")]
    with run(tmp_path, finally_=stages, source=source) as process:
        assert eventually((tmp_path / "started").exists)
        process.send_signal(signum)
        _, err = process.communicate()
    assert process.returncode == 128 + signum
    assert json.loads((tmp_path / "notes").read_text())["failure_class"] == "Cancelled"
    assert "note      Succeeded" in err


def test_on_the_command_line_too_they_have_a_deadline(tmp_path: Path) -> None:
    stages = [last("wait", started="started"), last("note", file="notes", text="x")]
    arguments: dict[str, Any] = {"finally_": stages, "finallyDeadlineSeconds": 1}
    with run(tmp_path, "--in-process", "-o", "json", **arguments) as process:
        out, _ = process.communicate()
    status = PipelineRunStatus.model_validate(json.loads(out))
    assert (process.returncode, status.phase) == (0, "Succeeded")
    assert status.finally_ is not None
    assert status.finally_.exit_code == 124
    assert [it.state for it in status.finally_.stages] == ["Succeeded", "Pending"]
