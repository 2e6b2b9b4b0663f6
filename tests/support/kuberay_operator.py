"""KubeRay itself on a node, and clusters whose pods are made of the product's image."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray

from tests.cluster import image
from tests.cluster.binaries import provide_kuberay, provide_ray_crds
from tests.cluster.node import Cluster
from tests.support.runs import Document

_CONTROLLED = ("--enable-leader-election=false", "--metrics-addr=0")
_DASHBOARD, _AGENT = 8265, 52365
_PACKAGES = "/packages"
_STORE = str(100 * 1024 * 1024)


@contextmanager
def kuberay(cluster: Cluster) -> Iterator[None]:
    """KubeRay and its CRDs for the length of a block."""
    crds = ("-f", str(provide_ray_crds()))
    cluster.kubectl("create", *crds)
    try:
        cluster.wait_established(
            *(f"crd/{it}.ray.io" for it in ("rayclusters", "rayjobs", "rayservices"))
        )
        options = (f"--kubeconfig={cluster.kubeconfig}", "--health-probe-bind-address=0")
        operator = cluster.server("kuberay", str(provide_kuberay()), *options, *_CONTROLLED)
        try:
            yield
        finally:
            operator.stop()
    finally:
        cluster.kubectl("delete", *crds)


def cluster_spec(*, workers: int = 0) -> Document:
    """A head, which takes work if there are no workers, and these."""
    head = {
        "rayStartParams": {"num-cpus": "0" if workers else "1", "object-store-memory": _STORE},
        "template": _pod("/api/gcs_healthz", _DASHBOARD),
    }
    group = {
        "groupName": "workers",
        "replicas": workers,
        "minReplicas": workers,
        "maxReplicas": workers,
        "rayStartParams": {"num-cpus": "1", "object-store-memory": _STORE},
        "template": _pod("/api/local_raylet_healthz", _AGENT),
    }
    return {"headGroupSpec": head, "workerGroupSpecs": [group] if workers else []}


@contextmanager
def named_cluster(cluster: Cluster, name: str, namespace: str) -> Iterator[None]:
    """A RayCluster that somebody else has made, for the length of a block."""
    document = {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": name, "namespace": namespace},
        "spec": cluster_spec(),
    }
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(document))
    try:
        yield
    finally:
        cluster.kubectl("delete", "raycluster", name, "-n", namespace)


def _pod(health: str, port: int) -> Document:
    """A pod of Ray. What its dashboard needs, and the image lacks, is from this machine."""
    probe = {
        "httpGet": {"path": health, "port": port},
        "periodSeconds": 1,
        "timeoutSeconds": 10,
        "failureThreshold": 120,
    }
    container = {
        "name": "ray",
        "image": image.IMAGE,
        "imagePullPolicy": "Never",
        "env": [{"name": "PYTHONPATH", "value": _PACKAGES}],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
        "readinessProbe": probe,
        "livenessProbe": probe,
        "volumeMounts": [{"name": "packages", "mountPath": _PACKAGES, "readOnly": True}],
    }
    packages = {"path": str(Path(ray.__file__).parents[1])}
    volumes = [{"name": "packages", "hostPath": packages}]
    spec = {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 1}
    return {"spec": spec}
