"""Volumes for runs in worker pods: folders of this machine that outlive a pod."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from tests.cluster.controlplane import ControlPlane
from tests.support.runs import Document


@contextmanager
def claim(cluster: ControlPlane, namespace: str, folder: Path) -> Iterator[str]:
    """A claim of a folder that everybody may write to; gives its name."""
    folder.chmod(0o777)
    name = f"claim-{uuid4().hex[:8]}"
    size = {"storage": "1Gi"}
    how = {"accessModes": ["ReadWriteOnce"], "storageClassName": "by-hand"}
    volume: Document = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {**how, "capacity": size, "hostPath": {"path": str(folder)}},
    }
    claimed: Document = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {**how, "resources": {"requests": size}, "volumeName": name},
    }
    documents = json.dumps({"apiVersion": "v1", "kind": "List", "items": [volume, claimed]})
    cluster.kubectl("create", "-f", "-", stdin=documents)
    try:
        yield name
    finally:
        cluster.kubectl("delete", "-f", "-", "--wait=false", stdin=documents)


def mounted(name: str, path: str) -> Document:
    """A pod template with a claim at a path."""
    mount = {"name": "claimed", "mountPath": path}
    return {
        "spec": {
            "containers": [{"name": "pipeline", "volumeMounts": [mount]}],
            "volumes": [{"name": "claimed", "persistentVolumeClaim": {"claimName": name}}],
        }
    }
