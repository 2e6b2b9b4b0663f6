"""KubeRay's RayClusters on a control plane without KubeRay: what it would write is written here."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.binaries import provide_ray_clusters
from tests.cluster.controlplane import ControlPlane
from tests.support.runs import Document

HEAD: Document = {
    "rayStartParams": {},
    "template": {"spec": {"containers": [{"name": "ray", "image": "rayproject/ray:2.60.0"}]}},
}
_CRD = "crd/rayclusters.ray.io"


@contextmanager
def ray_clusters(cluster: ControlPlane) -> Iterator[None]:
    """The CRD for the length of a block."""
    cluster.kubectl("create", "-f", str(provide_ray_clusters()))
    try:
        cluster.wait_established(_CRD)
        yield
    finally:
        cluster.kubectl("delete", _CRD)


def say_ready(cluster: ControlPlane, name: str, namespace: str) -> None:
    """Say that all pods of a RayCluster are ready."""
    status = {
        "conditions": [_holds("HeadPodReady"), _holds("RayClusterProvisioned")],
        "endpoints": {"dashboard": "8265"},
        "head": {"serviceName": f"{name}-head-svc"},
    }
    _write(cluster, name, namespace, status)


def say_blocked(cluster: ControlPlane, name: str, namespace: str, message: str) -> None:
    """Say that a pod of a RayCluster cannot be made."""
    condition = _holds("ReplicaFailure") | {"message": message}
    _write(cluster, name, namespace, {"conditions": [condition]})


def _holds(condition: str) -> Document:
    time = "2026-01-01T00:00:00Z"
    holds = {"type": condition, "status": "True", "reason": "Because", "message": ""}
    return {**holds, "lastTransitionTime": time}


def _write(cluster: ControlPlane, name: str, namespace: str, status: Document) -> None:
    target = ("patch", "raycluster", name, "-n", namespace, "--subresource=status")
    cluster.kubectl(*target, "--type=merge", "-p", json.dumps({"status": status}))
