"""Runs that name a cluster of KubeRay: its CRD, with the status that KubeRay would write."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.binaries import provide_ray_clusters
from tests.cluster.controlplane import ControlPlane
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest, reasons
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("operator")

CONTAINER = {"name": "ray", "image": "rayproject/ray:2.60.0"}
HEAD = {"rayStartParams": {}, "template": {"spec": {"containers": [CONTAINER]}}}
CRD = "crd/rayclusters.ray.io"


@pytest.fixture
def crd(cluster: ControlPlane) -> Iterator[Path]:
    yield provide_ray_clusters()
    cluster.kubectl("delete", CRD, "--ignore-not-found")


def run(name: str) -> Document:
    return manifest(name, ray={"cluster": "large"}, retries={"infrastructureLimit": 0})


def test_a_run_waits_for_its_cluster_and_takes_its_address(
    cluster: ControlPlane, runs: Runs, crd: Path
) -> None:
    status = runs.finish(run("no-kuberay"))
    assert (status["exitCode"], status["failure"]["class"]) == (2, "Config")
    assert "install KubeRay" in status["failure"]["message"]

    cluster.kubectl("create", "-f", str(crd))
    # One that is a moment old has no conditions that could be waited for.
    established = ("wait", "--for=condition=Established", CRD)
    wait_for(lambda: cluster.try_kubectl(*established).returncode == 0)
    runs.apply(run("on-kuberay"))
    status = runs.wait("on-kuberay", in_phase("Pending"))
    assert reasons(status)["Succeeded"] == ("Unknown", "WaitingForCluster")
    document = {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": "large", "namespace": "default"},
        "spec": {"headGroupSpec": HEAD},
    }
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(document))
    ready = {"type": "HeadPodReady", "status": "True", "reason": "HeadPodRunningAndReady"}
    written = {
        "conditions": [{**ready, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        "endpoints": {"dashboard": "8265"},
        "head": {"serviceName": "large-head-svc"},
    }
    patch = json.dumps({"status": written})
    cluster.kubectl(
        *("patch", "raycluster", "large", "--subresource=status", "--type=merge", "-p", patch)
    )
    # Its driver looks for that address, which leads nowhere here.
    status = runs.wait("on-kuberay", is_finished)
    assert (status["exitCode"], status["failure"]["class"]) == (125, "Infrastructure")
    assert "http://large-head-svc.default.svc:8265" in status["failure"]["message"]
