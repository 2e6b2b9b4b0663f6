"""An operator for each shard: namespaces by their labels, which may change."""

import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.apiserver.conftest import OPERATOR
from tests.cluster.controlplane import ControlPlane
from tests.support.accounts import account
from tests.support.nodeless_pods import end_pod_of, pods_of
from tests.support.operator import OperatorProcess
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest
from tests.support.waiting import wait_for

SHARDS = ("one", "two")
MOVING = "moving"
"""A namespace that goes from one shard to another."""
NOBODYS = "nobodys"


@pytest.fixture(scope="module")
def users(
    cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """An operator for each shard; their accounts by the shard."""
    folder = tmp_path_factory.mktemp("shards")
    for namespace in (MOVING, NOBODYS):
        cluster.kubectl("create", "namespace", namespace)
        cluster.kubectl("create", "serviceaccount", "default", "-n", namespace)
    move(cluster, "one")
    users: dict[str, str] = {}
    operators: list[OperatorProcess] = []
    for shard in SHARDS:
        users[shard], kubeconfig = account(cluster, f"shard-{shard}", OPERATOR, folder)
        operator = OperatorProcess(kubeconfig, folder / f"{shard}.log", "--leader-elect")
        operator.add_options("--namespace-selector", f"shard={shard}", "--identity", shard)
        operator.add_options("--no-in-process", "--worker-image", "none")
        operators.append(operator)
        operator.start()
    for operator in operators:
        wait_for(partial(operator.says, "Leading"))
    yield users
    for operator in operators:
        operator.stop(signal.SIGKILL)
    for namespace in (MOVING, NOBODYS):
        for kind in ("prun", "pods", "events"):
            rest = ("delete", kind, "-n", namespace, "--all", "--grace-period=0", "--force")
            cluster.kubectl(*rest)


def move(cluster: ControlPlane, shard: str) -> None:
    cluster.kubectl("label", "namespace", MOVING, f"shard={shard}", "--overwrite")


def run(name: str, namespace: str = MOVING) -> Document:
    return manifest(name, namespace=namespace, mode="Subprocess")


def test_a_run_is_handed_over_with_its_namespace_and_its_pod(
    cluster: ControlPlane, users: dict[str, str], runs: Runs
) -> None:
    before = runs.writes(users["two"])
    runs.apply(run("handed-over"))
    runs.wait("handed-over", in_phase("Starting"), MOVING)
    wait_for(lambda: bool(pods_of(cluster, "handed-over", MOVING)))
    assert runs.writes(users["two"]) == before
    move(cluster, "two")
    # Written by the new operator, so it knows of its namespace: then the old one does too, or soon.
    runs.apply(run("after"))
    runs.wait("after", in_phase("Starting"), MOVING)
    end_pod_of(cluster, "handed-over", MOVING)
    status = runs.wait("handed-over", is_finished, MOVING)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 1)
    assert len(pods_of(cluster, "handed-over", MOVING)) == 1
    wait_for(lambda: runs.writes(users["two"]).total() > before.total())


def test_runs_of_a_namespace_that_no_shard_selects_wait_until_one_does(
    cluster: ControlPlane, users: dict[str, str], runs: Runs
) -> None:
    runs.apply(run("waits", NOBODYS))
    runs.apply(run("marker"))
    runs.wait("marker", in_phase("Starting"), MOVING)
    assert "phase" not in runs.status("waits", NOBODYS)
    before = runs.writes(users["one"])
    cluster.kubectl("label", "namespace", NOBODYS, "shard=one")
    runs.wait("waits", in_phase("Starting"), NOBODYS)
    wait_for(lambda: (runs.writes(users["one"]) - before)["create pods"] == 1)


def test_in_process_runs_and_a_selector_do_not_go_together(
    cluster: ControlPlane, tmp_path: Path
) -> None:
    options = ("--namespace-selector", "shard=one")
    operator = OperatorProcess(cluster.kubeconfig_for(OPERATOR), tmp_path / "log", *options)
    operator.start()
    assert operator.wait() == 2
    assert "--no-in-process" in operator.tail()


def test_an_operator_that_can_never_work_says_why_in_a_line_and_ends(
    cluster: ControlPlane, tmp_path: Path
) -> None:
    _, powerless = account(cluster, "powerless", "system:basic-user", tmp_path)
    wrong = ("--namespace-selector", "shard in one")
    for kubeconfig, options, why in (
        (cluster.kubeconfig_for(OPERATOR), wrong, "unable to parse requirement"),
        (powerless, (), 'cannot list resource "pipelineruns"'),
    ):
        log = tmp_path / f"{kubeconfig.stem}.log"
        operator = OperatorProcess(kubeconfig, log, "--no-in-process", *options)
        operator.start()
        assert operator.wait() == 1
        last = operator.tail(1)
        assert "The operator cannot work here: " in last
        assert why in last
        assert "Traceback" not in operator.tail()
