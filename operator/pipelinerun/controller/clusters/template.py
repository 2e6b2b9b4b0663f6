"""From an attempt to the manifest of its RayCluster. Pure."""

import hashlib
import re
from typing import Any

from pipelinerun.api.names import (
    API_VERSION,
    KIND,
    LABEL_ATTEMPT,
    LABEL_NAME,
    LABEL_RUN,
    LABEL_UID,
)
from pipelinerun.api.ray import ClusterTemplate
from pipelinerun.controller.clusters.api import GROUP, VERSION
from pipelinerun.controller.runs import Run

_MAX_NAME = 53
"""KubeRay makes longer names of it."""
_MAX_LABEL = 63


def cluster_name(run: str, uid: str, number: int) -> str:
    """The name of an attempt's RayCluster: the same whenever it is asked for, and nobody else's.

    It is one for a service too, as KubeRay wants it: it begins with a letter and has no dots.
    """
    mark = hashlib.sha256(f"{uid}/{number}".encode()).hexdigest()[:8]
    suffix = f"-{number}-{mark}"
    name = re.sub(r"^(?=[^a-z])", "r", run.replace(".", "-"))
    return f"{name[: _MAX_NAME - len(suffix)].rstrip('-')}{suffix}"


def cluster_manifest(template: ClusterTemplate, run: Run, number: int) -> dict[str, Any]:
    """The RayCluster of an attempt."""
    ours = {
        LABEL_NAME: "pipelinerun-cluster",
        LABEL_RUN: run.name[:_MAX_LABEL].rstrip("-."),
        LABEL_UID: run.uid,
        LABEL_ATTEMPT: str(number),
    }
    owner = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": run.name,
        "uid": run.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "RayCluster",
        "metadata": {
            "name": cluster_name(run.name, run.uid, number),
            "namespace": run.namespace,
            "labels": {**template.metadata.labels, **ours},
            "annotations": {**template.metadata.annotations},
            "ownerReferences": [owner],
        },
        "spec": {**template.spec},
    }
