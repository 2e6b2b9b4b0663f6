"""What becomes of in-process runs when the operator or its Ray goes away."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipelinerun.execution.guardian import VARIABLE
from pipelinerun.execution.workspace import Workspace
from tests.apiserver.conftest import OPERATOR
from tests.cluster.controlplane import ControlPlane, free_ports
from tests.support.operator import OperatorProcess
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest, stage
from tests.support.waiting import wait_for

NAMESPACE = "recovery"
RETRIES = {"infrastructureLimit": 2, "backoff": {"initialSeconds": 0.1}}


@pytest.fixture
def operator(cluster: ControlPlane, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator of this test's own, not started yet."""
    options = ("-n", NAMESPACE, "--in-process-namespace", NAMESPACE, "--in-process-capacity", "1")
    process = OperatorProcess(cluster.kubeconfig_for(OPERATOR), tmp_path / "operator.log", *options)
    yield process
    process.stop()


@pytest.fixture
def external_ray(tmp_path: Path) -> Iterator[str]:
    """A Ray that does not belong to an operator, as the chart has it."""
    (port,) = free_ports(1)
    with Workspace() as workspace, (tmp_path / "ray.log").open("wb") as log:
        head = subprocess.Popen(
            [
                *(str(Path(sys.executable).with_name("ray")), "start", "--head", "--block"),
                *(f"--port={port}", "--num-cpus=2", "--include-dashboard=false"),
                *("--disable-usage-stats", f"--temp-dir={workspace.path}"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **workspace.environment, "RAY_AUTH_MODE": "disabled"},
            start_new_session=True,
        )
        yield f"127.0.0.1:{port}"
    head.wait(30)


def slow(name: str, seconds: float, witness: Path, **spec: Any) -> Document:
    """A run whose five rows take some seconds each and leave a line with their attempt."""
    middle = (stage("sleep", "sleep", seconds=seconds), stage("seen", "witness", path=str(witness)))
    return manifest(name, *middle, namespace=NAMESPACE, **spec)


def attempts_seen(witness: Path) -> list[str]:
    return [line.split()[1] for line in witness.read_text().splitlines()]


def test_a_restarted_operator_finds_running_drivers_again(
    operator: OperatorProcess, external_ray: str, runs: Runs, tmp_path: Path
) -> None:
    operator.add_options("--ray-address", external_ray)
    operator.start()
    operator.wait_ready()
    witness = tmp_path / "witness"
    runs.apply(slow("adopted", 2, witness))
    runs.wait("adopted", in_phase("Running"), NAMESPACE)
    operator.stop(signal.SIGKILL)
    operator.start()
    status = runs.wait("adopted", is_finished, NAMESPACE)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 1)
    assert attempts_seen(witness) == ["1"] * 5


def test_a_run_that_ends_while_the_operator_is_away_is_recorded(
    operator: OperatorProcess, external_ray: str, runs: Runs, tmp_path: Path
) -> None:
    operator.add_options("--ray-address", external_ray)
    operator.start()
    operator.wait_ready()
    witness = tmp_path / "witness"
    runs.apply(slow("unattended", 1, witness))
    runs.wait("unattended", in_phase("Running"), NAMESPACE)
    operator.stop(signal.SIGKILL)
    wait_for(lambda: witness.exists() and len(attempts_seen(witness)) == 5)
    operator.start()
    status = runs.wait("unattended", is_finished, NAMESPACE)
    assert (status["phase"], status["exitCode"], status["attempt"]) == ("Succeeded", 0, 1)


def test_a_run_that_was_lost_with_the_operator_is_tried_again(
    operator: OperatorProcess, runs: Runs, tmp_path: Path
) -> None:
    operator.start()
    operator.wait_ready()
    witness = tmp_path / "witness"
    runs.apply(slow("lost", 0.3, witness, retries=RETRIES))
    runs.wait("lost", in_phase("Running"), NAMESPACE)
    operator.stop(signal.SIGKILL)
    wait_for(lambda: not belonging_to(operator))
    operator.start()
    status = runs.wait("lost", is_finished, NAMESPACE)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 2)
    assert status["infrastructureFailures"] == 1
    assert [it.get("failureClass") for it in status["attempts"]] == ["Infrastructure", None]


def test_a_run_that_is_lost_too_often_fails(
    operator: OperatorProcess, runs: Runs, tmp_path: Path
) -> None:
    operator.start()
    operator.wait_ready()
    retries = {"infrastructureLimit": 0}
    runs.apply(slow("unlucky", 300, tmp_path / "witness", retries=retries))
    runs.wait("unlucky", in_phase("Running"), NAMESPACE)
    operator.stop(signal.SIGKILL)
    operator.start()
    status = runs.wait("unlucky", is_finished, NAMESPACE)
    assert (status["phase"], status["exitCode"]) == ("Failed", 137)
    assert (status["failure"]["class"], status["failure"]["signal"]) == ("Infrastructure", 9)


def test_the_operator_survives_the_death_of_its_ray(
    operator: OperatorProcess, runs: Runs, tmp_path: Path
) -> None:
    operator.start()
    operator.wait_ready()
    runs.apply(slow("bereaved", 0.3, tmp_path / "witness", retries=RETRIES))
    runs.wait("bereaved", in_phase("Running"), NAMESPACE)
    pid = operator.pid
    for process in belonging_to(operator):
        if "raylet" in process.name() or "gcs_server" in process.name():
            process.kill()
    status = runs.wait("bereaved", is_finished, NAMESPACE)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 2)
    assert operator.pid == pid
    operator.check_alive()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_the_operator_ends(
    operator: OperatorProcess, runs: Runs, tmp_path: Path, how: signal.Signals
) -> None:
    operator.start()
    operator.wait_ready()
    name = f"left-{how.name.lower()}"
    runs.apply(slow(name, 300, tmp_path / "witness"))
    runs.wait(name, in_phase("Running"), NAMESPACE)
    assert belonging_to(operator)
    folders = {workspace_of(process) for process in belonging_to(operator)} - {None}
    operator.stop(how)
    wait_for(lambda: not belonging_to(operator))
    wait_for(lambda: not any(Path(str(folder)).exists() for folder in folders))
    runs.delete(name, NAMESPACE)


def belonging_to(operator: OperatorProcess) -> list[psutil.Process]:
    """Processes of this operator's Ray: they carry the mark of a workspace and its log's path."""
    return [
        process
        for process in psutil.process_iter()
        if workspace_of(process) and environment_of(process).get(operator.MARK) == str(operator.log)
    ]


def workspace_of(process: psutil.Process) -> str | None:
    return environment_of(process).get(VARIABLE)


def environment_of(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}
