"""Worker pods on a control plane without nodes."""

import json

from tests.cluster.controlplane import ControlPlane
from tests.support.runs import Document


def pods_of(cluster: ControlPlane, run: str, namespace: str) -> list[Document]:
    """The pods of a run."""
    return cluster.pods(namespace, f"pipelinerun.dev/run={run}")


def end_pod_of(cluster: ControlPlane, run: str, namespace: str) -> None:
    """Say what the kubelet would say of a run's one pod when it has succeeded."""
    (pod,) = pods_of(cluster, run, namespace)
    begun, ended = "2026-01-31T12:00:00Z", "2026-01-31T12:00:01Z"
    state = {"terminated": {"exitCode": 0, "startedAt": begun, "finishedAt": ended}}
    container = {
        "name": "pipeline",
        "image": "none",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": state,
    }
    status = {"status": {"phase": "Succeeded", "containerStatuses": [container]}}
    target = ("patch", "pod", pod["metadata"]["name"], "-n", namespace, "--subresource=status")
    cluster.kubectl(*target, "--type=merge", "-p", json.dumps(status))
