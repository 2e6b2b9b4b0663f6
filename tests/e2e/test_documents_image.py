"""The document example in a cluster: an image on top of the product's, and an index to ask."""

import json
from pathlib import Path

import pytest
import yaml

from tests.cluster import image
from tests.cluster.node import Cluster
from tests.support.documents import QUESTIONS, answers
from tests.support.installation import WORKERS as NAMESPACE
from tests.support.runs import Runs, is_finished
from tests.support.volumes import claim

pytestmark = [pytest.mark.usefixtures("operator"), pytest.mark.timeout(900)]

EXAMPLE = Path("examples/documents")
IMAGE = "localhost/documents:test"


def test_the_document_example_answers_questions_on_a_cluster(
    cluster: Cluster, runs: Runs, tmp_path: Path
) -> None:
    image.load(cluster, image.build_on_top(IMAGE, EXAMPLE), IMAGE)
    volume = tmp_path / "volume"
    volume.mkdir()
    document = yaml.safe_load((EXAMPLE / "run-pod.yaml").read_text())
    document["metadata"]["namespace"] = NAMESPACE
    pod = document["spec"]["podTemplate"]["spec"]
    pod["containers"][0]["image"] = IMAGE
    with claim(cluster, NAMESPACE, volume) as name:
        pod["volumes"][0]["persistentVolumeClaim"]["claimName"] = name
        runs.apply(document)
        status = runs.wait(document["metadata"]["name"], is_finished, NAMESPACE, timeout=300)
    assert status["exitCode"] == 0, json.dumps(status, indent=1)
    assert answers(volume / "documents" / "index.sqlite") == QUESTIONS
