"""Runs that are suspended, ended or late, in mode InProcess, on a real API server and Ray."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest, reasons, stage
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("operator")


def endless(name: str, **spec: Any) -> Document:
    source = {"name": "endless", "type": "source", "callable": "steps:endless"}
    return manifest(name, stage("square", "square"), source=source, **spec)


def flowing(status: Document) -> bool:
    """Whether it runs and rows have come out of its source."""
    stages = status.get("stages", [])
    return status.get("phase") == "Running" and bool(stages) and stages[0]["rowsOut"] > 0


def test_a_suspended_run_does_not_start_until_it_is_resumed(runs: Runs) -> None:
    runs.apply(manifest("held", stage("square", "square"), suspend=True))
    status = runs.wait("held", in_phase("Suspended"))
    assert reasons(status) == {
        "Succeeded": ("Unknown", "Suspended"),
        "Suspended": ("True", "Suspended"),
    }
    assert "startTime" not in status
    # Whoever admits it may still change it.
    runs.change("held", retries={"limit": 1}, suspend=False)
    status = runs.wait("held", is_finished)
    assert (status["phase"], status["exitCode"], status["attempt"]) == ("Succeeded", 0, 1)
    assert reasons(status)["Suspended"] == ("False", "Resumed")
    assert runs.events("held")[0] == ("Normal", "Suspended")


def test_a_running_run_is_suspended_and_resumed(runs: Runs, tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    runs.apply(manifest("paused", stage("slow", "sleep", seconds=4, beat=str(beat))))
    runs.wait("paused", in_phase("Running"))
    wait_for(beat.exists)
    runs.change("paused", suspend=True)
    status = runs.wait("paused", in_phase("Suspended"))
    wait_for(lambda: time.time() - beat.stat().st_mtime > 1)
    (attempt,) = status["attempts"]
    assert (attempt["reason"], attempt["exitCode"]) == ("Suspended", 143)
    assert attempt["failureClass"] == "Cancelled"
    assert "startTime" not in status
    assert "stopping" not in status
    runs.change("paused", suspend=False)
    again = runs.wait("paused", lambda it: it.get("attempt") == 2 and it["phase"] == "Running")
    assert again["startTime"] >= attempt["completionTime"]
    runs.change("paused", shutdown="Terminate")
    status = runs.wait("paused", is_finished)
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 143)
    runs.wait_told(
        "paused",
        *("AttemptStarted", "Suspending", "Suspended"),
        *("AttemptStarted", "Terminating", "Cancelled"),
    )


def test_a_suspended_run_leaves_its_place_to_others(runs: Runs) -> None:
    for name in ("place-1", "place-2"):
        runs.apply(manifest(name, stage("slow", "sleep", seconds=60)))
        runs.wait(name, in_phase("Running"))
    runs.apply(manifest("place-3"))
    runs.wait("place-3", in_phase("Pending"))
    runs.change("place-3", suspend=True)
    runs.wait("place-3", in_phase("Suspended"))
    runs.apply(manifest("place-4"))
    runs.change("place-1", suspend=True)
    assert runs.wait("place-4", is_finished)["phase"] == "Succeeded"
    for name in ("place-1", "place-2", "place-3"):
        runs.delete(name)


def test_a_drained_run_loses_nothing(runs: Runs) -> None:
    runs.apply(endless("drained"))
    runs.wait("drained", flowing)
    runs.change("drained", shutdown="Drain")
    status = runs.wait("drained", is_finished)
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 0)
    assert "failure" not in status
    first, *_, last = status["stages"]
    assert first["rowsOut"] == last["rowsIn"] > 0
    assert reasons(status)["Succeeded"] == ("False", "Cancelled")
    assert reasons(status)["Stalled"][0] == "True"
    runs.wait_told("drained", "AttemptStarted", "Draining", "Cancelled")


def test_a_drain_that_takes_too_long_is_cut_short(runs: Runs) -> None:
    runs.apply(manifest("impatient", stage("slow", "sleep", seconds=300)))
    runs.wait("impatient", in_phase("Running"))
    runs.change("impatient", shutdown="Drain")
    runs.wait("impatient", lambda it: it.get("stopping", {}).get("cause") == "Drain")
    runs.change("impatient", shutdown="Terminate", suspend=True)
    status = runs.wait("impatient", is_finished)
    assert (status["phase"], status["exitCode"] in {137, 143}) == ("Cancelled", True)
    assert status["failure"]["class"] == "Cancelled"


def test_what_does_not_end_within_its_grace_is_killed(runs: Runs, tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    middle = stage("slow", "sleep", seconds=300, beat=str(beat))
    runs.apply(manifest("stubborn", middle, terminationGracePeriodSeconds=1))
    runs.wait("stubborn", in_phase("Running"))
    wait_for(beat.exists)
    runs.change("stubborn", shutdown="Terminate")
    status = runs.wait("stubborn", is_finished)
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 137)
    assert "did not end within its grace of 1 s" in status["failure"]["message"]
    wait_for(lambda: time.time() - beat.stat().st_mtime > 1)
    assert runs.finish(manifest("after-stubborn"))["phase"] == "Succeeded"


def test_a_run_that_has_not_started_is_cancelled_at_once(runs: Runs) -> None:
    runs.apply(manifest("never", suspend=True))
    runs.wait("never", in_phase("Suspended"))
    runs.change("never", shutdown="Drain")
    status = runs.wait("never", is_finished)
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 143)
    assert "attempt" not in status


def test_a_run_that_takes_too_long_fails(runs: Runs) -> None:
    slow = stage("slow", "sleep", seconds=300)
    retries = {"limit": 3, "infrastructureLimit": 3}
    # Long enough for its attempt to begin on a busy machine.
    limits: Document = {"activeDeadlineSeconds": 15, "terminationGracePeriodSeconds": 1}
    status = runs.finish(manifest("overdue", slow, retries=retries, **limits))
    assert (status["phase"], status["exitCode"], status["attempt"]) == ("Failed", 124, 1)
    assert status["failure"]["class"] == "Timeout"
    assert reasons(status)["Succeeded"] == ("False", "DeadlineExceeded")
    (attempt,) = status["attempts"]
    assert (attempt["exitCode"], attempt["reason"]) == (124, "DeadlineExceeded")


def test_an_attempt_that_takes_too_long_fails(runs: Runs) -> None:
    slow = stage("slow", "sleep", seconds=300)
    limits: Document = {"attemptDeadlineSeconds": 2, "terminationGracePeriodSeconds": 1}
    status = runs.finish(manifest("late-attempt", slow, **limits))
    assert (status["phase"], status["exitCode"]) == ("Failed", 124)
    assert reasons(status)["Succeeded"] == ("False", "AttemptDeadlineExceeded")


def second_chance(name: str, folder: Path, code: int, seconds: int, **spec: Any) -> Document:
    """A run whose first attempt fails."""
    settings = {"path": str(folder / name), "code": code, "seconds": seconds}
    return manifest(name, stage("once", "leave_once", **settings), **spec)


def test_an_attempt_that_took_too_long_is_tried_again_if_a_rule_says_so(
    runs: Runs, tmp_path: Path
) -> None:
    runs.finish(manifest("warm-up"))
    rules = [{"failureClasses": ["Timeout"], "action": "Retry"}]
    retries = {"limit": 1, "backoff": {"initialSeconds": 0.1}, "rules": rules}
    limits: Document = {"attemptDeadlineSeconds": 20, "terminationGracePeriodSeconds": 1}
    run = second_chance("too-long-once", tmp_path, 1, 300, retries=retries, **limits)
    status = runs.finish(run)
    found = (status["phase"], status["attempt"], status["userFailures"])
    assert found == ("Succeeded", 2, 1), status
    assert [it["exitCode"] for it in status["attempts"]] == [124, 0]


def test_a_rule_can_end_a_run_at_once_or_let_it_go_on(runs: Runs, tmp_path: Path) -> None:
    rules = [
        {"exitCodes": [7], "stages": ["leave"], "action": "Fail"},
        {"exitCodes": [8], "action": "Ignore"},
    ]
    retries = {"limit": 5, "rules": rules, "backoff": {"initialSeconds": 0.1}}
    status = runs.finish(manifest("at-once", stage("leave", "leave", code=7), retries=retries))
    assert (status["phase"], status["exitCode"], status["attempt"]) == ("Failed", 7, 1)
    run = second_chance("ignored", tmp_path, 8, 0, retries=retries | {"limit": 0})
    status = runs.finish(run)
    assert (status["phase"], status["attempt"], status["ignoredFailures"]) == ("Succeeded", 2, 1)
    assert "userFailures" not in status


def test_a_run_that_waits_too_long_for_a_place_fails(runs: Runs) -> None:
    for name in ("taken-1", "taken-2"):
        runs.apply(manifest(name, stage("slow", "sleep", seconds=60)))
        runs.wait(name, in_phase("Running"))
    status = runs.finish(manifest("unserved", pendingDeadlineSeconds=1))
    assert (status["phase"], status["exitCode"]) == ("Failed", 124)
    assert reasons(status)["Succeeded"] == ("False", "PendingDeadlineExceeded")
    assert "in-process places" in status["failure"]["message"]
    for name in ("taken-1", "taken-2"):
        runs.delete(name)


def test_kubectl_wait_sees_the_suspension(cluster: ControlPlane, runs: Runs) -> None:
    runs.apply(manifest("awaited", suspend=True))
    cluster.kubectl("wait", "--for=condition=Suspended", "prun/awaited", "--timeout=120s")
    line = cluster.kubectl("get", "prun", "awaited").splitlines()[1].split()
    assert line[:2] == ["awaited", "Suspended"]
