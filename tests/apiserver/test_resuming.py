"""Runs that start from a checkpoint, and ``pipelinerun retry`` on a real API server."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest, stage

pytestmark = pytest.mark.usefixtures("operator")

NEEDY = """
from pathlib import Path

def need(row, path):
    if not Path(path).exists():
        raise FileNotFoundError(path)
    return row

def later(row, context):
    if context.attempt == 1:
        raise RuntimeError("not yet")
    return row
"""


def kept(name: str, tmp_path: Path, *middle: Document, **spec: Any) -> Document:
    """A run whose squares are kept in a checkpoint."""
    square = {**stage("square", "square"), "checkpoint": str(tmp_path / "rows")}
    document = manifest(name, square, *middle, **spec)
    document["spec"]["code"]["files"]["needy.py"] = NEEDY
    return document


def need(tmp_path: Path) -> Document:
    """A stage that fails until a file is there."""
    return {"name": "need", "callable": "needy:need", "config": {"path": str(tmp_path / "file")}}


def retry(
    cluster: ControlPlane, *arguments: str, user: str = "admin"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelinerun", "retry", *arguments],
        env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig_for(user))},
        capture_output=True,
        text=True,
        check=False,
    )


def retried(cluster: ControlPlane, *arguments: str) -> str:
    """The name of the run that the command made."""
    done = retry(cluster, *arguments, "-o", "name")
    assert (done.returncode, done.stderr) == (0, "")
    kind, _, name = done.stdout.strip().partition("/")
    assert kind == "pipelinerun.pipelinerun.dev"
    return name


def states(status: Document) -> list[str]:
    return [it["state"] for it in status["stages"]]


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def test_a_failed_run_is_resumed_behind_its_checkpoint(
    cluster: ControlPlane, runs: Runs, tmp_path: Path
) -> None:
    failed = runs.finish(kept("resumed", tmp_path, need(tmp_path)))
    assert states(failed)[:3] == ["Succeeded", "Succeeded", "Failed"]
    assert [it.get("checkpointed") for it in failed["stages"]] == [None, True, None, None]
    first = retried(cluster, "resumed", "--resume")
    again = runs.wait(first, is_finished)
    assert (again["phase"], states(again)[:3]) == ("Failed", ["Skipped", "Skipped", "Failed"])
    assert again["progress"] == "2/4"
    (tmp_path / "file").touch()
    second = retried(cluster, first, "--resume")
    status = runs.wait(second, is_finished)
    assert (status["phase"], status["progress"]) == ("Succeeded", "4/4")
    assert status["stages"][2]["rowsIn"] == 5
    run = runs.get(second)
    assert run["spec"]["resumeFrom"] == "need"
    assert run["metadata"]["labels"] == {"pipelinerun.dev/retry-of": first}
    assert len(second) == len(first) == len("resumed-xxxxx")


def test_a_retry_from_a_stage_or_from_the_start(
    cluster: ControlPlane, runs: Runs, tmp_path: Path
) -> None:
    runs.finish(kept("from", tmp_path))
    end = runs.wait(retried(cluster, "from", "--from", "end"), is_finished)
    assert states(end) == ["Skipped", "Skipped", "Succeeded"]
    for arguments in ([], ["--from", "numbers"]):
        name = retried(cluster, "from", *arguments)
        assert "resumeFrom" not in runs.get(name)["spec"]
        assert set(states(runs.wait(name, is_finished))) == {"Succeeded"}


def test_a_further_attempt_starts_behind_the_checkpoint(runs: Runs, tmp_path: Path) -> None:
    later = {"name": "later", "callable": "needy:later"}
    retries = {"limit": 1, "backoff": {"initialSeconds": 0}}
    status = runs.finish(kept("further", tmp_path, later, retries=retries))
    assert (status["phase"], status["attempt"]) == ("Succeeded", 2)
    assert states(status) == ["Skipped", "Skipped", "Succeeded", "Succeeded"]


def test_a_start_without_a_checkpoint_is_refused_with_the_field(runs: Runs, tmp_path: Path) -> None:
    missing = runs.finish(kept("missing-rows", tmp_path, resumeFrom="end"))
    assert (missing["phase"], missing["exitCode"]) == ("Failed", 2)
    assert missing["failure"]["class"] == "Config"
    expected = f"resumeFrom: checkpoint {tmp_path / 'rows'} is not there"
    assert missing["failure"]["message"] == expected
    undeclared = kept("undeclared-rows", tmp_path, need(tmp_path), resumeFrom="end")
    status = runs.finish(undeclared)
    assert (status["exitCode"], status["failure"]["message"]) == (
        2,
        "spec.resumeFrom: stage 'need' before 'end' has no checkpoint",
    )


def test_a_retry_says_why_it_cannot(cluster: ControlPlane, runs: Runs, tmp_path: Path) -> None:
    document = kept("unhappy", tmp_path, need(tmp_path))
    del document["spec"]["pipeline"]["stages"][1]["checkpoint"]
    runs.finish(document)
    text = "there is no PipelineRun 'unhapy' in namespace 'default'; did you mean unhappy?"
    assert text in complaint(retry(cluster, "unhapy"))
    assert "in namespace 'other'" in complaint(retry(cluster, "unhappy", "-n", "other"))
    assert "nothing to resume from" in complaint(retry(cluster, "unhappy", "--resume"))
    assert "did you mean 'need'?" in complaint(retry(cluster, "unhappy", "--from", "ned"))
    assert "has no checkpoint" in complaint(retry(cluster, "unhappy", "--from", "end"))
    assert "is forbidden" in complaint(retry(cluster, "unhappy", user="user"))
    both = retry(cluster, "unhappy", "--from", "end", "--resume")
    assert (both.returncode, "cannot go with --resume" in both.stderr) == (2, True)


def test_a_run_that_goes_on_is_not_retried(cluster: ControlPlane, runs: Runs) -> None:
    runs.apply(manifest("going-on", stage("slow", "sleep", seconds=60)))
    runs.wait("going-on", in_phase("Running"))
    said = complaint(retry(cluster, "going-on"))
    assert "is not finished: it is Running" in said
    runs.change("going-on", shutdown="Terminate")
    runs.wait("going-on", is_finished)
    copy = retry(cluster, "going-on", "-o", "json")
    spec = json.loads(copy.stdout)["spec"]
    assert "shutdown" not in spec
    runs.delete(json.loads(copy.stdout)["metadata"]["name"])


def test_a_cluster_that_does_not_answer_is_told(cluster: ControlPlane, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(cluster.kubeconfig.read_text().replace(cluster.url, "https://127.0.0.1:9"))
    done = retry(cluster, "any", "--kubeconfig", str(config))
    assert "the API server cannot be reached" in complaint(done)
