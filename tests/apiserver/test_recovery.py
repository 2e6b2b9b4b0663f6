"""What becomes of in-process runs when the operator or its Ray goes away."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipelinerun.api.status import Outcome
from pipelinerun.controller.inprocess.protocol import (
    LINE_LIMIT,
    TO_GATEWAY,
    AttemptKey,
    Ended,
    Hello,
    Open,
    Progress,
    Start,
    encode,
)
from pipelinerun.execution.guardian import VARIABLE
from tests.apiserver.conftest import OPERATOR
from tests.cluster.controlplane import ControlPlane
from tests.support.gateway import GatewayProcess
from tests.support.operator import OperatorProcess
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest, stage
from tests.support.waiting import wait_for

NAMESPACE = "recovery"
LAST = """
import time
from pathlib import Path

def last(witness, go, context):
    with open(witness, "a") as file:
        print(context.outcome.exit_code, file=file)
    while not Path(go).exists():
        time.sleep(0.05)
"""
RETRIES = {"infrastructureLimit": 2, "backoff": {"initialSeconds": 0.1}}


@pytest.fixture
def operator(cluster: ControlPlane, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator of this test's own, not started yet."""
    options = ("-n", NAMESPACE, "--in-process-namespace", NAMESPACE, "--in-process-capacity", "2")
    process = OperatorProcess(cluster.kubeconfig_for(OPERATOR), tmp_path / "operator.log", *options)
    yield process
    process.stop()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A Ray in a process of its own, as the chart has it in a container."""
    with GatewayProcess(tmp_path_factory.mktemp("gateway") / "run") as process:
        yield process


def slow(name: str, seconds: float, witness: Path, **spec: Any) -> Document:
    """A run whose five rows take some seconds each and leave a line with their attempt."""
    middle = (stage("sleep", "sleep", seconds=seconds), stage("seen", "witness", path=str(witness)))
    return manifest(name, *middle, namespace=NAMESPACE, **spec)


@contextmanager
def false_gateway(operator: OperatorProcess, folder: Path) -> Iterator[socket.socket]:
    """A socket that listens where the operator, which is started, expects its gateway."""
    path = folder / "false.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        operator.add_options("--gateway", str(path))
        operator.start()
        yield server


def attempts_seen(witness: Path) -> list[str]:
    return [line.split()[1] for line in witness.read_text().splitlines()]


def test_a_restarted_operator_finds_drivers_again_that_run_or_have_ended(
    operator: OperatorProcess, gateway: GatewayProcess, runs: Runs, tmp_path: Path
) -> None:
    operator.add_options("--gateway", str(gateway.socket))
    operator.start()
    operator.wait_ready()
    short, long = tmp_path / "short", tmp_path / "long"
    runs.apply(slow("adopted", 2, long))
    runs.apply(slow("unattended", 0.5, short))
    runs.wait("adopted", in_phase("Running"), NAMESPACE)
    runs.wait("unattended", in_phase("Running"), NAMESPACE)
    operator.stop(signal.SIGKILL)
    wait_for(lambda: short.exists() and len(attempts_seen(short)) == 5)
    operator.start()
    for name, witness in (("adopted", long), ("unattended", short)):
        status = runs.wait(name, is_finished, NAMESPACE)
        assert (status["phase"], status["exitCode"], status["attempt"]) == ("Succeeded", 0, 1)
        assert attempts_seen(witness) == ["1"] * 5


def test_finally_stages_and_the_verdict_survive_a_restart_of_the_operator(
    operator: OperatorProcess, gateway: GatewayProcess, runs: Runs, tmp_path: Path
) -> None:
    operator.add_options("--gateway", str(gateway.socket))
    operator.start()
    operator.wait_ready()
    witness, go = tmp_path / "witness", tmp_path / "go"
    document = manifest("finishing", stage("wrong", "wrong"), namespace=NAMESPACE)
    document["spec"]["code"]["files"]["last.py"] = LAST
    config = {"witness": str(witness), "go": str(go)}
    document["spec"]["pipeline"]["finally"] = [
        {"name": "last", "callable": "last:last", "config": config}
    ]
    runs.apply(document)
    runs.wait("finishing", in_phase("Finishing"), NAMESPACE)
    wait_for(witness.exists)
    operator.stop(signal.SIGKILL)
    go.touch()
    operator.start()
    status = runs.wait("finishing", is_finished, NAMESPACE)
    assert (status["phase"], status["exitCode"], status["attempt"]) == ("Failed", 1, 1)
    assert status["failure"]["stage"] == "wrong"
    assert (status["finally"]["state"], status["finally"]["execution"]) == ("Succeeded", 1)
    assert witness.read_text() == "1\n"


def test_runs_that_were_lost_with_the_operator_are_tried_again_but_not_too_often(
    operator: OperatorProcess, runs: Runs, tmp_path: Path
) -> None:
    operator.start()
    operator.wait_ready()
    runs.apply(slow("lost", 0.3, tmp_path / "lost", retries=RETRIES))
    runs.apply(slow("unlucky", 300, tmp_path / "unlucky", retries={"infrastructureLimit": 0}))
    runs.wait("lost", in_phase("Running"), NAMESPACE)
    runs.wait("unlucky", in_phase("Running"), NAMESPACE)
    end_without_a_trace(operator, signal.SIGKILL)
    operator.start()
    status = runs.wait("unlucky", is_finished, NAMESPACE)
    assert (status["phase"], status["exitCode"]) == ("Failed", 137)
    assert (status["failure"]["class"], status["failure"]["signal"]) == ("Infrastructure", 9)
    status = runs.wait("lost", is_finished, NAMESPACE)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 2)
    assert status["infrastructureFailures"] == 1
    assert [it.get("failureClass") for it in status["attempts"]] == ["Infrastructure", None]


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


def test_the_operator_survives_the_death_of_its_gateway(
    operator: OperatorProcess, gateway: GatewayProcess, runs: Runs, tmp_path: Path
) -> None:
    operator.add_options("--gateway", str(gateway.socket))
    operator.start()
    operator.wait_ready()
    runs.apply(slow("orphaned", 1, tmp_path / "witness", retries=RETRIES))
    runs.wait("orphaned", in_phase("Running"), NAMESPACE)
    pid = operator.pid
    gateway.restart(signal.SIGKILL)
    status = runs.wait("orphaned", is_finished, NAMESPACE)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 2)
    assert operator.pid == pid
    operator.check_alive()


def test_nothing_that_a_gateway_says_ends_the_operator(
    operator: OperatorProcess, tmp_path: Path
) -> None:
    with false_gateway(operator, tmp_path) as server:
        for nonsense in (b"nonsense\n", b'{"type": "hello"}\n', b"x" * (LINE_LIMIT + 1), b""):
            connection, _ = server.accept()
            with connection:
                assert connection.recv(1024).startswith(b'{"type":"open"')
                connection.sendall(nonsense)
        connection, _ = server.accept()  # it comes back
        with connection:
            operator.check_alive()


def test_progress_that_arrives_behind_the_end_does_not_undo_it(
    operator: OperatorProcess, runs: Runs, tmp_path: Path
) -> None:
    with false_gateway(operator, tmp_path) as server:
        connection, _ = server.accept()
        with connection, connection.makefile("rwb", buffering=0) as line:
            assert Open.model_validate_json(line.readline()).capacity == 2
            line.write(encode(Hello(attempts=[])))
            runs.apply(manifest("overtaken", namespace=NAMESPACE))
            heard = (TO_GATEWAY.validate_json(it) for it in line)
            key = next(AttemptKey.of(it.job.run) for it in heard if isinstance(it, Start))
            progress = encode(Progress(key=key, stages=[]))
            ended = encode(Ended(key=key, outcome=Outcome(exit_code=0)))
            line.write(progress + ended + progress)
            status = runs.wait("overtaken", is_finished, NAMESPACE)
    assert (status["phase"], status["exitCode"]) == ("Succeeded", 0)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_operator_ends(
    operator: OperatorProcess, runs: Runs, tmp_path: Path, how: signal.Signals
) -> None:
    operator.start()
    operator.wait_ready()
    name = f"left-{how.name.lower()}"
    runs.apply(slow(name, 300, tmp_path / "witness"))
    runs.wait(name, in_phase("Running"), NAMESPACE)
    end_without_a_trace(operator, how)
    runs.delete(name, NAMESPACE)


def end_without_a_trace(operator: OperatorProcess, how: signal.Signals) -> None:
    """End an operator, and see its Ray end and its files go."""
    assert belonging_to(operator)
    folders = {workspace_of(process) for process in belonging_to(operator)} - {None}
    operator.stop(how)
    wait_for(lambda: not belonging_to(operator), poll=0.5)  # it looks at all processes
    wait_for(lambda: not any(Path(str(folder)).exists() for folder in folders))


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
