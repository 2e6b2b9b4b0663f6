"""Finally stages of runs in mode InProcess, on a real API server and Ray."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest, reasons, stage
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("operator")

TELL = """
import json, time
from dataclasses import asdict
from pathlib import Path

def tell(file, context):
    with open(file, "a") as lines:
        print(json.dumps(asdict(context.outcome)), file=lines)

def fail():
    raise KeyError("gone")

def wait(go, context):
    while not Path(go).exists() and not context.stopping:
        time.sleep(0.05)

def hang():
    while True:
        time.sleep(1)
"""


def last(name: str, **config: Any) -> Document:
    return {"name": name, "callable": f"tell:{name}", "config": config}


def run(name: str, *middle: Document, finally_: list[Document], **spec: Any) -> Document:
    document = manifest(name, *middle, **spec)
    document["spec"]["pipeline"]["finally"] = finally_
    document["spec"]["code"]["files"]["tell.py"] = TELL
    return document


def told(file: Path) -> Document:
    """What its one call has left."""
    (line,) = file.read_text().splitlines()
    outcome: Document = json.loads(line)
    return outcome


def test_they_run_after_a_success_and_are_told_of_it(runs: Runs, tmp_path: Path) -> None:
    file = tmp_path / "told"
    status = runs.finish(run("thanks", finally_=[last("tell", file=str(file))]))
    assert (status["phase"], status["exitCode"], status["progress"]) == ("Succeeded", 0, "2/2")
    assert "verdict" not in status
    shown = status["finally"]
    assert (shown["state"], shown["exitCode"], shown["execution"]) == ("Succeeded", 0, 1)
    assert [(it["name"], it["state"]) for it in shown["stages"]] == [("tell", "Succeeded")]
    assert shown["worker"] == status["worker"]
    assert status["completionTime"] >= shown["completionTime"]
    assert told(file)["exit_code"] == 0
    runs.wait_told("thanks", "AttemptStarted", "Completed")


def test_they_run_once_after_the_last_attempt_and_their_failure_changes_nothing(
    runs: Runs, tmp_path: Path
) -> None:
    file = tmp_path / "told"
    stages = [last("fail"), last("tell", file=str(file))]
    retries = {"limit": 1, "backoff": {"initialSeconds": 0.1}}
    status = runs.finish(run("sorry", stage("no", "wrong"), finally_=stages, retries=retries))
    assert (status["phase"], status["exitCode"], status["attempt"]) == ("Failed", 1, 2)
    assert (status["failure"]["class"], status["failure"]["stage"]) == ("User", "no")
    assert reasons(status)["Succeeded"] == ("False", "PipelineFailed")
    shown = status["finally"]
    assert (shown["state"], shown["exitCode"]) == ("Failed", 1)
    assert (shown["failure"]["stage"], shown["failure"]["exception"]) == ("fail", "KeyError")
    assert 'raise KeyError("gone")' in shown["failure"]["tail"]
    outcome = told(file)
    assert (outcome["exit_code"], outcome["attempt"]) == (1, 2)
    assert (outcome["failure_class"], outcome["stage"]) == ("User", "no")
    wait_for(lambda: ("Warning", "FinallyFailed") in runs.events("sorry"))


def test_the_verdict_is_kept_while_they_run_whatever_is_asked_meanwhile(
    runs: Runs, cluster: ControlPlane, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    source = {"name": "endless", "type": "source", "callable": "steps:endless"}
    runs.apply(run("patient", source=source, finally_=[last("wait", go=str(go))]))
    runs.wait("patient", in_phase("Running"))
    runs.change("patient", shutdown="Drain")
    status = runs.wait("patient", lambda it: it.get("finally", {}).get("state") == "Running")
    assert (status["phase"], "exitCode" in status) == ("Finishing", False)
    assert (status["verdict"]["phase"], status["verdict"]["exitCode"]) == ("Cancelled", 0)
    assert reasons(status) == {
        "Succeeded": ("Unknown", "Finishing"),
        "Ready": ("False", "Finishing"),
        "Reconciling": ("True", "Finishing"),
    }
    runs.change("patient", shutdown="Terminate", suspend=True)
    fixed = json.dumps({"spec": {"pipeline": {"finally": None}}})
    refused = cluster.try_kubectl("patch", "prun", "patient", "--type=merge", "-p", fixed)
    assert refused.returncode != 0
    assert runs.status("patient")["phase"] == "Finishing"
    go.touch()
    status = runs.wait("patient", is_finished)
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 0)
    assert status["finally"]["state"] == "Succeeded"


def test_a_run_that_never_began_has_them_too(runs: Runs, tmp_path: Path) -> None:
    file = tmp_path / "told"
    runs.apply(run("never-begun", finally_=[last("tell", file=str(file))], suspend=True))
    runs.wait("never-begun", in_phase("Suspended"))
    runs.change("never-begun", shutdown="Terminate")
    status = runs.wait("never-begun", is_finished)
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 143)
    assert "attempt" not in status
    assert status["finally"]["state"] == "Succeeded"
    assert (told(file)["attempt"], told(file)["failure_class"]) == (0, "Cancelled")


def test_they_are_killed_when_they_do_not_end_in_time(runs: Runs) -> None:
    limits = {"finallyDeadlineSeconds": 2, "terminationGracePeriodSeconds": 1}
    slow = stage("slow", "sleep", seconds=60)
    document = run("stuck", slow, finally_=[last("hang")], attemptDeadlineSeconds=2, **limits)
    status = runs.finish(document)
    assert (status["phase"], status["exitCode"]) == ("Failed", 124)
    assert reasons(status)["Succeeded"] == ("False", "AttemptDeadlineExceeded")
    shown = status["finally"]
    assert (shown["state"], shown["exitCode"]) == ("Failed", 124)
    assert shown["failure"]["message"].startswith("finallyDeadlineSeconds: ")
    # Its place is free again.
    assert runs.finish(manifest("after-stuck"))["phase"] == "Succeeded"


def test_code_that_is_missing_is_found_before_anything_runs(runs: Runs) -> None:
    status = runs.finish(run("untold", finally_=[last("missing")]))
    assert (status["phase"], status["exitCode"]) == ("Failed", 2)
    assert "pipeline.finally[0].callable" in status["failure"]["message"]
