"""Runs on Ray clusters that are there: by their address, and by the name that they have."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.support.kuberay import HEAD, ray_clusters, say_ready
from tests.support.operator import OperatorProcess
from tests.support.ray_cluster import RayCluster, ray_cluster
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest, reasons, stage
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("operator")


@pytest.fixture(scope="module")
def ray() -> Iterator[RayCluster]:
    with ray_cluster(head_cpus=1) as it:
        yield it


def run(name: str) -> Document:
    return manifest(name, ray={"cluster": "large"}, retries={"infrastructureLimit": 0})


def test_an_in_process_run_is_a_job_of_the_cluster_at_its_address(
    runs: Runs, operator: OperatorProcess, ray: RayCluster, tmp_path: Path
) -> None:
    lines = tmp_path / "lines"
    given: Document = {"ray": {"address": ray.address}, "retries": {"infrastructureLimit": 0}}
    show = {"name": "end", "type": "sink", "callable": "builtins:print"}
    document = manifest("on-a-cluster", stage("witness", "witness", path=str(lines)), **given)
    document["spec"]["pipeline"]["stages"][-1] = show
    status = runs.finish(document)
    assert (status["phase"], status["exitCode"]) == ("Succeeded", 0), status
    assert [(it["name"], it["rowsIn"], it["rowsOut"]) for it in status["stages"]] == [
        ("numbers", 0, 5),
        ("witness", 5, 5),
        ("end", 5, 0),
    ]
    assert lines.read_text().splitlines() == [f"on-a-cluster 1 {n}" for n in range(5)]
    wait_for(lambda: operator.says("{'n': 4}"))


def test_an_in_process_run_on_a_cluster_is_told_to_end(
    runs: Runs, ray: RayCluster, tmp_path: Path
) -> None:
    beat = tmp_path / "beat"
    source = {
        "name": "numbers",
        "type": "source",
        "callable": "steps:endless",
        "config": {"beat": str(beat)},
    }
    runs.apply(manifest("drained-on-a-cluster", source=source, ray={"address": ray.address}))
    wait_for(beat.exists)
    runs.change("drained-on-a-cluster", shutdown="Drain")
    status = runs.wait("drained-on-a-cluster", is_finished)
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 0), status
    numbers, end = status["stages"]
    assert numbers["rowsOut"] == end["rowsIn"] > 0
    last = beat.read_text()
    runs.apply(manifest("ended-on-a-cluster", source=source, ray={"address": ray.address}))
    wait_for(lambda: beat.read_text() != last)
    runs.change("ended-on-a-cluster", shutdown="Terminate")
    status = runs.wait("ended-on-a-cluster", is_finished)
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 143), status


def test_a_run_waits_for_its_cluster_and_takes_its_address(
    cluster: ControlPlane, runs: Runs
) -> None:
    status = runs.finish(run("no-kuberay"))
    assert (status["exitCode"], status["failure"]["class"]) == (2, "Config")
    assert "install KubeRay" in status["failure"]["message"]

    with ray_clusters(cluster):
        own: Document = {"ray": {"clusterTemplate": {"spec": {"headGroupSpec": HEAD}}}}
        runs.apply(manifest("on-a-made-one", **own, retries={"infrastructureLimit": 0}))
        runs.apply(run("finds-its-cluster"))
        status = runs.wait("finds-its-cluster", in_phase("Pending"))
        assert reasons(status)["Succeeded"] == ("Unknown", "WaitingForCluster")
        document = {
            "apiVersion": "ray.io/v1",
            "kind": "RayCluster",
            "metadata": {"name": "large", "namespace": "default"},
            "spec": {"headGroupSpec": HEAD},
        }
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(document))
        say_ready(cluster, "large", "default")
        status = runs.wait("on-a-made-one", in_phase("Starting"))
        name = status["worker"]["rayCluster"]
        wait_for(lambda: cluster.try_kubectl("get", "raycluster", name).returncode == 0)
        say_ready(cluster, name, "default")
        # Its driver looks for that address, which leads nowhere here.
        status = runs.wait("finds-its-cluster", is_finished)
        assert (status["exitCode"], status["failure"]["class"]) == (125, "Infrastructure")
        assert "http://large-head-svc.default.svc:8265" in status["failure"]["message"]
        status = runs.wait("on-a-made-one", is_finished)
        assert (status["exitCode"], status["failure"]["class"]) == (125, "Infrastructure")
        assert f"http://{name}-head-svc.default.svc:8265" in status["failure"]["message"]
        assert set(status["worker"]) >= {"operator", "rayCluster"}
        wait_for(lambda: cluster.try_kubectl("get", "raycluster", name).returncode != 0)
