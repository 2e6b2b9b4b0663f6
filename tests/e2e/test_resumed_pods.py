"""A checkpoint on a volume outlives the pod that wrote it."""

from pathlib import Path

import pytest

from tests.cluster.node import Cluster
from tests.support.installation import WORKERS as NAMESPACE
from tests.support.runs import Runs, is_finished, manifest, stage
from tests.support.volumes import claim, mounted

pytestmark = pytest.mark.usefixtures("operator")

LATER = """
def later(row, context):
    if context.attempt == 1:
        raise RuntimeError("not yet")
    return row
"""


def test_the_next_pod_starts_behind_the_checkpoint_of_the_last(
    cluster: Cluster, runs: Runs, tmp_path: Path
) -> None:
    square = {**stage("square", "square"), "checkpoint": "/work/rows"}
    later = {"name": "later", "callable": "later:later"}
    with claim(cluster, NAMESPACE, tmp_path) as name:
        document = manifest(
            "resumes",
            square,
            later,
            namespace=NAMESPACE,
            mode="Subprocess",
            retries={"limit": 1, "backoff": {"initialSeconds": 0}},
            podTemplate=mounted(name, "/work"),
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
        assert (tmp_path / "rows" / "_checkpoint.json").exists()
        runs.delete("resumes", NAMESPACE)
