"""Several operators: one leads, and another one goes on when it is gone."""

import json
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.conftest import OPERATOR
from tests.cluster.controlplane import ControlPlane, free_ports
from tests.support.accounts import account
from tests.support.gateway import GatewayProcess
from tests.support.nodeless_pods import end_pod_of, pods_of
from tests.support.operator import OperatorProcess
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest, stage
from tests.support.waiting import wait_for

NAMESPACE = "failover"
LEASE = "lease"
SHORT = "3"
LONG = "900"
"""A lease that nobody can wait for: whoever leads then was let."""
PODS_ONLY = ("--no-in-process", "--worker-image", "none")
RETRIES = {"infrastructureLimit": 2, "backoff": {"initialSeconds": 0.1}}


class Pair:
    """Two operators, each with an account of its own."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self._plane = plane
        self.users: dict[str, str] = {}
        self.operators: dict[str, OperatorProcess] = {}
        for name in ("a", "b"):
            self.users[name], kubeconfig = account(plane, f"failover-{name}", OPERATOR, folder)
            options = ("-n", NAMESPACE, "--leader-elect", "--identity", name, "--lease-name", LEASE)
            self.operators[name] = OperatorProcess(kubeconfig, folder / f"{name}.log", *options)

    def start(self, name: str, *options: str, leads: bool) -> OperatorProcess:
        """Start one; returns when it leads, or stands by."""
        operator = self.operators[name]
        operator.add_options(*options)
        operator.start()
        wait_for(lambda: operator.says("Leading" if leads else "Standing by"))
        return operator

    def start_both(self, *options: str) -> tuple[OperatorProcess, OperatorProcess]:
        """Start both; the first one leads."""
        return self.start("a", *options, leads=True), self.start("b", *options, leads=False)

    def holder(self) -> str:
        """Who holds the lease."""
        lease = self._plane.get("lease", LEASE, "-n", NAMESPACE)
        return str(lease["spec"].get("holderIdentity", ""))


@pytest.fixture
def pair(cluster: ControlPlane, tmp_path: Path) -> Iterator[Pair]:
    """Two operators, not started yet; nothing of theirs is left afterwards."""
    cluster.kubectl("create", "namespace", NAMESPACE, check=False)
    cluster.kubectl("create", "serviceaccount", "default", "-n", NAMESPACE, check=False)
    found = Pair(cluster, tmp_path)
    yield found
    for operator in found.operators.values():
        operator.stop(signal.SIGKILL)
    for kind in ("prun", "pods", "leases", "events"):
        cluster.kubectl("delete", kind, "-n", NAMESPACE, "--all", "--grace-period=0", "--force")


def run(name: str, *middle: Document, mode: str = "Subprocess", **spec: Any) -> Document:
    return manifest(name, *middle, namespace=NAMESPACE, mode=mode, **spec)


def test_another_operator_goes_on_with_the_same_pods_when_the_leader_is_killed(
    cluster: ControlPlane, pair: Pair, runs: Runs
) -> None:
    leader, _ = pair.start_both("--lease-duration", SHORT, *PODS_ONLY)
    runs.apply(run("adopted"))
    wait_for(lambda: bool(pods_of(cluster, "adopted", NAMESPACE)))
    leader.stop(signal.SIGKILL)
    end_pod_of(cluster, "adopted", NAMESPACE)
    status = runs.wait("adopted", is_finished, NAMESPACE)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 1)
    assert pair.holder() == "b"
    assert len(pods_of(cluster, "adopted", NAMESPACE)) == 1
    runs.apply(run("next"))
    runs.wait("next", in_phase("Starting"), NAMESPACE)


def test_an_operator_that_was_paused_beyond_its_lease_writes_nothing_when_it_wakes_up(
    pair: Pair, runs: Runs
) -> None:
    leader, other = pair.start_both("--lease-duration", SHORT, *PODS_ONLY)
    runs.apply(run("before"))
    runs.wait("before", in_phase("Starting"), NAMESPACE)
    leader.tell(signal.SIGSTOP)
    for number in range(5):
        runs.apply(run(f"meanwhile-{number}"))
    wait_for(lambda: other.says("Leading"))
    for number in range(5):
        runs.wait(f"meanwhile-{number}", in_phase("Starting"), NAMESPACE)
    before = runs.writes(pair.users["a"])
    leader.tell(signal.SIGCONT)
    assert leader.wait() == 1
    assert leader.says("The lease is lost")
    assert runs.writes(pair.users["a"]) == before
    assert pair.holder() == "b"


def test_an_operator_that_ends_in_order_lets_the_next_one_lead_at_once(
    pair: Pair, runs: Runs
) -> None:
    leader, other = pair.start_both("--lease-duration", LONG, *PODS_ONLY)
    assert leader.stop() == 0
    wait_for(lambda: other.says("Leading"))
    runs.apply(run("next"))
    runs.wait("next", in_phase("Starting"), NAMESPACE)


def test_an_operator_that_is_restarted_under_its_name_leads_again_and_finds_its_drivers(
    pair: Pair, runs: Runs, tmp_path: Path
) -> None:
    with GatewayProcess(tmp_path / "run") as gateway:
        options = ("--in-process-namespace", NAMESPACE, "--gateway", str(gateway.socket))
        operator = pair.start("a", "--lease-duration", LONG, *options, leads=True)
        runs.apply(run("kept", stage("sleep", "sleep", seconds=2), mode="InProcess"))
        runs.wait("kept", in_phase("Running"), NAMESPACE)
        operator.stop(signal.SIGKILL)
        operator.start()
        status = runs.wait("kept", is_finished, NAMESPACE)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 1)


def test_drivers_that_are_found_before_the_lease_is_won_go_on(
    cluster: ControlPlane, pair: Pair, runs: Runs, tmp_path: Path
) -> None:
    with GatewayProcess(tmp_path / "run") as gateway:
        options = ("--in-process-namespace", NAMESPACE, "--gateway", str(gateway.socket))
        operator = pair.start("a", "--lease-duration", LONG, *options, leads=True)
        runs.apply(run("early", stage("sleep", "sleep", seconds=4), mode="InProcess"))
        runs.wait("early", in_phase("Running"), NAMESPACE)
        operator.stop(signal.SIGKILL)
        # Nobody renews it, so that it is free some time after the operator has looked.
        other = {"spec": {"holderIdentity": "other", "leaseDurationSeconds": 8}}
        change = ("patch", "lease", LEASE, "-n", NAMESPACE, "--type=merge", "-p", json.dumps(other))
        cluster.kubectl(*change)
        operator.log.unlink()
        operator.add_options("--lease-duration", "8")
        operator.start()
        status = runs.wait("early", is_finished, NAMESPACE)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 1)
    assert operator.says_in_order("1 attempts are running", "Leading")


def test_a_run_in_process_has_ended_before_another_operator_tries_it_again(
    pair: Pair, runs: Runs, tmp_path: Path
) -> None:
    """The operator alone is killed: its drivers would go on if their gateway did not end them."""
    witness = tmp_path / "witness"
    gateway = GatewayProcess(tmp_path / "run")
    gateway.start()
    allowed = ("--in-process-namespace", NAMESPACE, "--lease-duration", "6")
    leader = pair.start("a", *allowed, "--gateway", str(gateway.socket), leads=True)
    other = pair.start("b", *allowed, leads=False)
    for operator in (leader, other):
        operator.wait_ready()
    slow = stage("sleep", "sleep", seconds=0.1)
    seen = stage("seen", "witness", path=str(witness))
    numbers = {"name": "numbers", "type": "source", "callable": "steps:numbers"}
    source = {**numbers, "config": {"count": 400, "delay": 0.0}}
    runs.apply(run("fenced", slow, seen, mode="InProcess", source=source, retries=RETRIES))
    wait_for(witness.exists)
    leader.stop(signal.SIGKILL)
    status = runs.wait("fenced", lambda it: it.get("attempt") == 2, NAMESPACE)
    assert status["attempts"][0]["failureClass"] == "Infrastructure"
    assert gateway.wait() == 1  # by itself
    wait_for(lambda: "fenced 2" in witness.read_text())
    attempts = [line.split()[1] for line in witness.read_text().splitlines()]
    assert attempts == sorted(attempts)
    assert status["worker"] == {"operator": "b"}


def test_an_operator_that_stands_by_is_ready_and_says_that_it_does_not_lead(pair: Pair) -> None:
    port = free_ports(1)[0]
    pair.start("a", "--lease-duration", LONG, *PODS_ONLY, leads=True)
    options = ("--lease-duration", LONG, *PODS_ONLY, "--http-port", str(port))
    pair.start("b", *options, leads=False)

    def answer(path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as it:
                return str(it.read().decode())
        except OSError as error:
            return str(error)

    wait_for(lambda: answer("readyz") == "ok\n")
    assert answer("healthz") == "ok\n"
    metrics = answer("metrics")
    assert "pipelinerun_operator_leader 0.0" in metrics
    assert "pipelinerun_runs{" not in metrics  # the leader counts them
