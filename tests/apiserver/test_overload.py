"""An operator whose requests fail, whose watches break, and that has more to do than it may."""

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.apiserver.conftest import OPERATOR
from tests.cluster.controlplane import ControlPlane, free_ports
from tests.support.fault_proxy import FaultProxy, Faults
from tests.support.operator import OperatorProcess
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest
from tests.support.waiting import wait_for

NAMESPACE = "overload"


@pytest.fixture(scope="module")
def _namespace(cluster: ControlPlane) -> None:
    cluster.kubectl("create", "namespace", NAMESPACE)


@pytest.fixture
def fallible(control_plane: ControlPlane, tmp_path: Path) -> Iterator[FaultProxy]:
    """What the operator takes for the API server."""
    with FaultProxy(control_plane, tmp_path, Faults(), seed=7) as proxy:
        yield proxy


@pytest.fixture
def port() -> int:
    """Where the operator of this test serves its metrics."""
    return free_ports(1)[0]


@pytest.fixture
def operator(
    cluster: ControlPlane, fallible: FaultProxy, port: int, _namespace: None, tmp_path: Path
) -> Iterator[OperatorProcess]:
    """An operator without Ray behind the proxy, not started yet."""
    options = ("-n", NAMESPACE, "--no-in-process", "--worker-image", "none")
    process = OperatorProcess(
        fallible.kubeconfig_for(OPERATOR), tmp_path / "operator.log", *options
    )
    process.add_options("--http-port", str(port))
    yield process
    process.stop()
    cluster.kubectl("delete", "pods,pipelineruns", "-n", NAMESPACE, "--all", "--force")
    cluster.kubectl("delete", "events", "-n", NAMESPACE, "--all")


@pytest.fixture
def metric(port: int) -> Callable[[str], float]:
    """Reads one metric; 0 while there is none."""

    def read(name: str) -> float:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        except OSError:  # nobody listens yet
            return 0.0
        found = re.search(rf"^{re.escape(name)} (.*)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    return read


def apply_all(cluster: ControlPlane, documents: list[Document]) -> None:
    items = {"apiVersion": "v1", "kind": "List", "items": documents}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(items))


def test_watches_that_break_lose_nothing(
    cluster: ControlPlane,
    operator: OperatorProcess,
    fallible: FaultProxy,
    metric: Callable[[str], float],
) -> None:
    fallible.faults = Faults(dropped=0.2, delayed=0.2, longest_delay=0.2)
    operator.start()
    # Refused by this operator, so that each has to be seen, written and seen again.
    refused = [manifest(f"seen-{number}", namespace=NAMESPACE) for number in range(30)]
    for part in (refused[:10], refused[10:20], refused[20:]):
        apply_all(cluster, part)
    wait_for(lambda: metric('pipelinerun_runs{phase="Failed"}') == 30)
    # A watch that goes on where it broke tells deletions too.
    cluster.kubectl("delete", "pipelineruns", "-n", NAMESPACE, "--all")
    wait_for(lambda: metric('pipelinerun_runs{phase="Failed"}') == 0)
    # One that cannot go on begins with a listing: here nothing else shows anything.
    fallible.faults = Faults(dropped=1.0, expired=0.5)
    for number in range(10):
        apply_all(cluster, [manifest(f"late-{number}", namespace=NAMESPACE)])
    wait_for(lambda: fallible.injected["expired"] > 0)
    wait_for(lambda: metric('pipelinerun_runs{phase="Failed"}') == 10)
    operator.check_alive()


def test_requests_that_are_refused_are_made_again_until_all_is_done(
    cluster: ControlPlane,
    operator: OperatorProcess,
    runs: Runs,
    fallible: FaultProxy,
    metric: Callable[[str], float],
) -> None:
    def answered(code: int) -> float:
        return sum(
            metric(f'pipelinerun_api_requests_total{{code="{code}",verb="{verb}"}}')
            for verb in ("GET", "POST", "PUT", "PATCH", "DELETE")
        )

    operator.start()
    wait_for(lambda: answered(200) > 0)
    names = [f"hard-{number}" for number in range(4)]
    fallible.faults = Faults(throttled=1.0)
    apply_all(cluster, [manifest(name, namespace=NAMESPACE, mode="Subprocess") for name in names])
    wait_for(lambda: answered(429) > 0)
    fallible.faults = Faults(failed=1.0)
    wait_for(lambda: answered(500) > 0)
    fallible.faults = Faults(throttled=0.05, failed=0.15, conflict=0.15)
    wait_for(lambda: len(cluster.pods(NAMESPACE)) == len(names))
    for name in names:
        runs.change(name, NAMESPACE, shutdown="Terminate", ttlSecondsAfterFinished=0)
    wait_for(lambda: runs.names(NAMESPACE) == [], 240)
    assert not cluster.pods(NAMESPACE)
    operator.check_alive()


def test_an_api_server_that_is_away_is_waited_for(
    operator: OperatorProcess, runs: Runs, fallible: FaultProxy
) -> None:
    fallible.faults = Faults(failed=1.0)
    operator.start()
    wait_for(lambda: "Waiting for the API server" in operator.log.read_text())
    fallible.faults = Faults()
    runs.apply(manifest("patient", namespace=NAMESPACE))
    runs.wait("patient", is_finished, NAMESPACE)


def test_what_is_under_way_goes_before_what_could_start(
    cluster: ControlPlane,
    operator: OperatorProcess,
    runs: Runs,
    metric: Callable[[str], float],
) -> None:
    operator.add_options("--api-qps", "2", "--api-burst", "1")
    operator.start()
    runs.apply(manifest("under-way", namespace=NAMESPACE, mode="Subprocess"))
    runs.wait("under-way", in_phase("Starting"), NAMESPACE)
    names = [f"waits-{number:02}" for number in range(40)]
    apply_all(cluster, [manifest(name, namespace=NAMESPACE, mode="Subprocess") for name in names])
    wait_for(lambda: metric("pipelinerun_queue_depth") > 10)
    runs.change("under-way", NAMESPACE, shutdown="Terminate")
    runs.wait("under-way", in_phase("Cancelled"), NAMESPACE)
    # Each of them takes two requests, of two a second.
    assert not all(runs.status(name, NAMESPACE).get("phase") for name in names)
    assert metric("pipelinerun_queue_depth") > 0
    assert metric('pipelinerun_api_wait_seconds_count{priority="start"}') > 0
