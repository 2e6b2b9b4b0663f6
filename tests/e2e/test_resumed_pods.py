"""A checkpoint on a volume outlives the pod that wrote it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.node import Cluster
from tests.support.installation import WORKERS as NAMESPACE
from tests.support.runs import Document, Runs, is_finished, manifest, stage

pytestmark = [pytest.mark.usefixtures("operator"), pytest.mark.timeout(600)]

CLAIM = "checkpoints"
LATER = """
def later(row, context):
    if context.attempt == 1:
        raise RuntimeError("not yet")
    return row
"""


@pytest.fixture
def claim(cluster: Cluster, tmp_path: Path) -> Iterator[Path]:
    """A claim in the workers' namespace; the folder that it comes to."""
    folder = tmp_path / "volume"
    folder.mkdir()
    folder.chmod(0o777)
    size = {"storage": "1Gi"}
    how = {"accessModes": ["ReadWriteOnce"], "storageClassName": "by-hand"}
    volume: Document = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": CLAIM},
        "spec": {**how, "capacity": size, "hostPath": {"path": str(folder)}},
    }
    claimed: Document = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM, "namespace": NAMESPACE},
        "spec": {**how, "resources": {"requests": size}, "volumeName": CLAIM},
    }
    documents = json.dumps({"apiVersion": "v1", "kind": "List", "items": [volume, claimed]})
    cluster.kubectl("create", "-f", "-", stdin=documents)
    yield folder
    cluster.kubectl("delete", "-f", "-", "--wait=false", stdin=documents)


def test_the_next_pod_starts_behind_the_checkpoint_of_the_last(runs: Runs, claim: Path) -> None:
    square = {**stage("square", "square"), "checkpoint": "/work/rows"}
    later = {"name": "later", "callable": "later:later"}
    mounted = {"name": "pipeline", "volumeMounts": [{"name": "work", "mountPath": "/work"}]}
    document = manifest(
        "resumes",
        square,
        later,
        namespace=NAMESPACE,
        mode="Subprocess",
        retries={"limit": 1, "backoff": {"initialSeconds": 0}},
        podTemplate={
            "spec": {
                "containers": [mounted],
                "volumes": [{"name": "work", "persistentVolumeClaim": {"claimName": CLAIM}}],
            }
        },
    )
    document["spec"]["code"]["files"]["later.py"] = LATER
    runs.apply(document)
    status = runs.wait("resumes", is_finished, NAMESPACE)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 2), status
    assert [(it["state"], it["rowsIn"], it["rowsOut"]) for it in status["stages"]] == [
        ("Skipped", 0, 0),
        ("Skipped", 0, 5),
        ("Succeeded", 5, 5),
        ("Succeeded", 5, 0),
    ]
    assert (claim / "rows" / "_checkpoint.json").exists()
    runs.delete("resumes", NAMESPACE)
