"""Runs on clusters of a real KubeRay: named ones, and those that are made for them."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.node import Cluster
from tests.support.cli import CommandLine
from tests.support.installation import Installation
from tests.support.kuberay_operator import cluster_spec, kuberay, named_cluster
from tests.support.pods import PATIENCE
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest
from tests.support.waiting import wait_for

NAMESPACE = "clusters"
_FITS = sys.version_info[:2] == (3, 11)

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(not _FITS, reason="this machine's packages do not fit the image's Python"),
]

STEPS = """
def numbers(count):
    yield from ({"n": n} for n in range(count))

def say(row):
    print("number", row["n"])
"""
STAGES = [
    {"name": "numbers", "type": "source", "callable": "steps:numbers", "config": {"count": 3}},
    {"name": "say", "type": "sink", "callable": "steps:say"},
]


@pytest.fixture(scope="module", autouse=True)
def _kuberay(cluster: Cluster, operator: Installation) -> Iterator[None]:
    cluster.kubectl("create", "namespace", NAMESPACE)
    with kuberay(cluster):
        in_process = {"namespaces": [NAMESPACE], "capacity": 1}
        operator.install(kuberay={"enabled": True}, inProcess=in_process)
        yield
        operator.install()


def run(name: str, mode: str = "Subprocess", **ray: Any) -> Document:
    code = {"files": {"steps.py": STEPS}}
    spec: Document = {"code": code, "pipeline": {"stages": STAGES}, "ray": ray}
    return manifest(name, namespace=NAMESPACE, mode=mode, **spec)


def pods_of_ray(cluster: Cluster) -> list[Document]:
    return cluster.pods(NAMESPACE, "ray.io/is-ray-node=yes")


def check(cluster: Cluster, status: Document, name: str) -> None:
    """That a run has done all of its work on a cluster, and its log says so."""
    assert (status["phase"], status["exitCode"]) == ("Succeeded", 0), status
    assert [(it["rowsIn"], it["rowsOut"]) for it in status["stages"]] == [(0, 3), (3, 0)]
    said = CommandLine(cluster).says("logs", name, "-n", NAMESPACE)
    assert all(f"number {n}" in said for n in range(3)), said


@pytest.mark.parametrize(("mode", "workers"), [("Subprocess", 1), ("InProcess", 0)])
def test_a_cluster_is_made_for_a_run_and_deleted_with_all_its_pods(
    cluster: Cluster, runs: Runs, mode: str, workers: int
) -> None:
    name = f"made-{mode.lower()}"
    runs.apply(run(name, mode, clusterTemplate={"spec": cluster_spec(workers=workers)}))
    status = runs.wait(name, is_finished, NAMESPACE, timeout=300)
    check(cluster, status, name)
    assert status["attempt"] == 1
    wait_for(lambda: not cluster.get("rayclusters", "-n", NAMESPACE)["items"], PATIENCE)
    wait_for(lambda: not pods_of_ray(cluster), PATIENCE)


def test_a_run_that_is_cancelled_leaves_no_cluster_that_still_comes_up(
    cluster: Cluster, runs: Runs
) -> None:
    runs.apply(run("cancelled", clusterTemplate={"spec": cluster_spec()}))
    wait_for(lambda: bool(pods_of_ray(cluster)), PATIENCE)
    runs.wait("cancelled", in_phase("Starting"), NAMESPACE)
    runs.change("cancelled", NAMESPACE, shutdown="Terminate")
    status = runs.wait("cancelled", is_finished, NAMESPACE)
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 143), status
    wait_for(lambda: not cluster.get("rayclusters", "-n", NAMESPACE)["items"], PATIENCE)
    wait_for(lambda: not pods_of_ray(cluster), PATIENCE)


def test_a_run_waits_for_the_cluster_that_it_names_and_leaves_it_there(
    cluster: Cluster, runs: Runs
) -> None:
    runs.apply(run("named", cluster="shared"))
    runs.wait("named", in_phase("Pending"), NAMESPACE)
    with named_cluster(cluster, "shared", NAMESPACE):
        check(cluster, runs.wait("named", is_finished, NAMESPACE, timeout=300), "named")
        (left,) = cluster.get("rayclusters", "-n", NAMESPACE)["items"]
        assert "deletionTimestamp" not in left["metadata"]
        assert all("deletionTimestamp" not in it["metadata"] for it in pods_of_ray(cluster))
