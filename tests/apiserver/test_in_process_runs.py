"""Runs in mode InProcess, from apply to the end, on a real API server and a real Ray."""

import json
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from tests.apiserver.conftest import OPERATOR
from tests.cluster.controlplane import ControlPlane
from tests.support.examples import MANIFESTS, read
from tests.support.operator import OperatorProcess
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest, reasons, stage
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("operator")


def test_a_run_succeeds_and_its_status_says_everything(runs: Runs) -> None:
    status = runs.finish(manifest("succeeds", stage("square", "square")))
    assert (status["phase"], status["exitCode"]) == ("Succeeded", 0)
    assert status["elapsedSeconds"] > 0
    assert status["startTime"] <= status["completionTime"]
    assert (status["attempt"], status["progress"]) == (1, "3/3")
    assert [(it["name"], it["state"], it["rowsIn"], it["rowsOut"]) for it in status["stages"]] == [
        ("numbers", "Succeeded", 0, 5),
        ("square", "Succeeded", 5, 5),
        ("end", "Succeeded", 5, 0),
    ]
    assert reasons(status) == {
        "Succeeded": ("True", "Completed"),
        "Ready": ("True", "Completed"),
    }
    (attempt,) = status["attempts"]
    assert (attempt["number"], attempt["exitCode"], attempt["reason"]) == (1, 0, "Completed")
    assert status["worker"] == attempt["worker"]
    assert "failure" not in status
    wait_for(
        lambda: runs.events("succeeds") == [("Normal", "AttemptStarted"), ("Normal", "Completed")]
    )


def test_every_example_is_let_in(cluster: ControlPlane) -> None:
    """What the others come to is tried with the engine alone."""
    files = [word for path in MANIFESTS for word in ("-f", str(path))]
    told = cluster.kubectl("apply", "--dry-run=server", *files).splitlines()
    assert len(told) == len(MANIFESTS), told


def test_kubectl_wait_sees_the_end(cluster: ControlPlane, runs: Runs) -> None:
    runs.apply(manifest("waited"))
    cluster.kubectl("wait", "--for=condition=Succeeded", "prun/waited", "--timeout=120s")
    line = cluster.kubectl("get", "prun", "waited").splitlines()[1].split()
    assert line[:3] == ["waited", "Succeeded", "0"]


def test_a_successful_run_costs_at_most_five_writes(runs: Runs) -> None:
    before = runs.writes(OPERATOR)
    # Long enough to be seen running: that is the most that a run without a retry can cost.
    runs.finish(manifest("frugal", stage("slow", "sleep", seconds=0.5)))
    wait_for(lambda: len(runs.events("frugal")) == 2)
    assert runs.writes(OPERATOR) - before == Counter(
        {"update pipelineruns/status": 3, "create events": 2}
    )


def test_nothing_but_the_status_of_a_run_is_touched(runs: Runs) -> None:
    document = manifest("untouched", stage("square", "square"))
    runs.finish(document)
    run = runs.get("untouched")
    assert run["spec"] == document["spec"]
    assert "finalizers" not in run["metadata"]
    assert [*run["metadata"]["annotations"]] == ["kubectl.kubernetes.io/last-applied-configuration"]


@pytest.mark.parametrize(
    ("name", "middle", "exit_code", "failure"),
    [
        (
            "raises",
            stage("wrong", "wrong"),
            1,
            {"class": "User", "stage": "wrong", "exception": "ValueError"},
        ),
        (
            "exits",
            stage("leave", "leave", code=7),
            7,
            {"class": "User", "stage": "leave", "exception": "SystemExit"},
        ),
        ("crashes", stage("crash", "crash"), 1, {"class": "User", "stage": "crash"}),
        ("missing", stage("gone", "gone"), 2, {"class": "Config"}),
        ("misfit", stage("square", "square", power=3), 2, {"class": "Config"}),
    ],
)
def test_a_failure_says_where_and_why(
    runs: Runs, name: str, middle: Document, exit_code: int, failure: Document
) -> None:
    status = runs.finish(manifest(name, middle))
    assert (status["phase"], status["exitCode"]) == ("Failed", exit_code)
    assert status["failure"].items() >= failure.items()
    assert reasons(status)["Succeeded"][0] == "False"
    assert reasons(status)["Stalled"][0] == "True"
    wait_for(lambda: [kind for kind, _ in runs.events(name)][-1:] == ["Warning"])


def test_the_tail_shows_the_line_that_raised(runs: Runs) -> None:
    status = runs.finish(manifest("told", stage("wrong", "wrong")))
    assert "raise ValueError(f\"no {row['n']} please\")" in status["failure"]["tail"]
    assert "no 0 please" in status["failure"]["message"]


@pytest.mark.parametrize("source", ["crash_driver", "kill_driver"])
def test_a_run_that_kills_its_driver_hurts_itself_alone(
    runs: Runs, operator: OperatorProcess, source: str
) -> None:
    deadly = {"name": "deadly", "type": "source", "callable": f"steps:{source}"}
    name = source.replace("_", "-")
    status = runs.finish(manifest(name, source=deadly, retries={"infrastructureLimit": 0}))
    assert status["phase"] == "Failed"
    assert status["exitCode"] > 0
    operator.check_alive()
    assert runs.finish(manifest(f"after-{name}"))["phase"] == "Succeeded"


def test_a_cycle_is_refused_by_the_operator_with_the_field(runs: Runs) -> None:
    run = manifest("cycle", stage("a", "square"), stage("b", "square"))
    order = ["numbers", "a", "b", "a", "end"]
    run["spec"]["pipeline"]["edges"] = [
        {"from": before, "to": after} for before, after in pairwise(order)
    ]
    status = runs.finish(run)
    assert (status["phase"], status["exitCode"]) == ("Failed", 2)
    assert "spec.pipeline.edges: form a cycle" in status["failure"]["message"]
    assert reasons(status)["Succeeded"] == ("False", "InvalidDefinition")


def test_a_namespace_that_is_not_allowed_is_refused(runs: Runs) -> None:
    status = runs.finish(manifest("stranger", namespace="other"))
    assert (status["exitCode"], status["failure"]["class"]) == (2, "Config")
    assert reasons(status)["Succeeded"] == ("False", "NamespaceNotAllowed")


def test_a_mode_that_is_not_supported_is_refused(runs: Runs) -> None:
    status = runs.finish(manifest("pod", mode="Subprocess"))
    assert (status["exitCode"], status["failure"]["class"]) == (2, "Config")
    assert reasons(status)["Succeeded"] == ("False", "ModeNotSupported")


def test_runs_beyond_the_capacity_wait_and_say_so(runs: Runs) -> None:
    for name in ("first", "second"):
        runs.apply(manifest(name, stage("slow", "sleep", seconds=0.7)))
        runs.wait(name, lambda status: status.get("phase") in {"Starting", "Running"})
    runs.apply(manifest("third"))
    waiting = runs.wait("third", in_phase("Pending"))
    assert reasons(waiting)["Succeeded"] == ("Unknown", "WaitingForPlace")
    assert reasons(waiting)["Reconciling"][0] == "True"
    for name in ("first", "second", "third"):
        assert runs.wait(name, lambda status: "exitCode" in status)["exitCode"] == 0


def test_deleting_a_run_stops_its_work(runs: Runs, tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    runs.apply(manifest("deleted", stage("slow", "sleep", seconds=300, beat=str(beat))))
    runs.wait("deleted", in_phase("Running"))
    wait_for(beat.exists)
    runs.delete("deleted")
    wait_for(lambda: time.time() - beat.stat().st_mtime > 1)
    assert runs.finish(manifest("after-deleted"))["phase"] == "Succeeded"


def test_a_failed_attempt_is_retried_within_the_budget(runs: Runs, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    retries = {"limit": 1, "backoff": {"initialSeconds": 0.1}}
    middle = (stage("witness", "witness", path=str(witness)), stage("wrong", "wrong"))
    status = runs.finish(manifest("retried", *middle, retries=retries))
    assert (status["phase"], status["exitCode"], status["attempt"]) == ("Failed", 1, 2)
    assert [it["exitCode"] for it in status["attempts"]] == [1, 1]
    attempts = [line.split()[1] for line in witness.read_text().splitlines()]
    assert sorted(set(attempts)) == ["1", "2"]
    runs.wait_told("retried", "AttemptStarted", "Retrying", "AttemptStarted", "PipelineFailed")


def test_parameters_reach_the_stages(runs: Runs) -> None:
    run = manifest("params", stage("leave", "leave", code="$(params.code)"))
    run["spec"]["pipeline"]["params"] = [{"name": "code", "type": "integer", "default": "3"}]
    run["spec"]["params"] = [{"name": "code", "value": "9"}]
    assert runs.finish(run)["exitCode"] == 9


def test_a_line_of_fifty_megabytes_does_no_harm(runs: Runs, operator: OperatorProcess) -> None:
    assert runs.finish(manifest("loud", stage("loud", "loud")))["exitCode"] == 0
    operator.check_alive()


def test_a_message_is_bounded_whatever_is_raised(runs: Runs) -> None:
    status = runs.finish(manifest("wordy", stage("wordy", "wordy")))
    assert status["exitCode"] == 1
    assert len(json.dumps(status)) < 20_000


@pytest.mark.parametrize(
    ("name", "phase", "exit_code", "stage"),
    [
        ("hello", "Succeeded", 0, None),
        ("failing", "Failed", 7, "check"),
    ],
)
def test_an_example_as_it_is_written(
    cluster: ControlPlane, runs: Runs, name: str, phase: str, exit_code: int, stage: str | None
) -> None:
    (path,) = (path for path in MANIFESTS if read(path).metadata.name == name)
    cluster.kubectl("apply", "-f", str(path))
    status = runs.wait(name, is_finished)
    assert (status["phase"], status["exitCode"]) == (phase, exit_code), status
    assert status.get("failure", {}).get("stage") == stage
    assert status["elapsedSeconds"] > 0


def test_two_runs_at_once_do_not_see_each_others_code(runs: Runs) -> None:
    for name, answer in (("code-a", 1), ("code-b", 2)):
        run = manifest(name, stage("check", "check", expected=answer))
        files = run["spec"]["code"]["files"]
        files["answer.py"] = f"VALUE = {answer}\n"
        files["steps.py"] += (
            "\nfrom answer import VALUE\n\ndef check(row, expected):\n"
            "    assert expected == VALUE\n    return row\n"
        )
        runs.apply(run)
    for name in ("code-a", "code-b"):
        assert runs.wait(name, lambda status: "exitCode" in status)["exitCode"] == 0
