"""The document example in a cluster: an image on top of the product's, and an index to ask."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import image
from tests.cluster.node import Cluster
from tests.support.documents import QUESTIONS, answers
from tests.support.helm import SYSTEM
from tests.support.installation import IN_PROCESS, WORKERS, Installation
from tests.support.runs import Document, Runs, is_finished
from tests.support.volumes import claim

pytestmark = [pytest.mark.usefixtures("operator", "documents_image"), pytest.mark.timeout(900)]

EXAMPLE = Path("examples/documents")
REPOSITORY, TAG = "localhost/documents", "test"
DATA = "/data"
RESULTS = f"{DATA}/documents"


@pytest.fixture(scope="module")
def documents_image(cluster: Cluster) -> None:
    """The example's image is on the node, as the operator's is already."""
    name = f"{REPOSITORY}:{TAG}"
    image.load(cluster, image.build_on_top(name, EXAMPLE), name)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """What a volume holds."""
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder


@pytest.fixture
def operators_claim(cluster: Cluster, operator: Installation, volume: Path) -> Iterator[None]:
    """The operator has that image too, and its Ray the volume."""
    with claim(cluster, SYSTEM, volume) as name:
        operator.install(
            image={"repository": REPOSITORY, "tag": TAG, "pullPolicy": "Never"},
            ray={"extraVolumeMounts": [{"name": "data", "mountPath": DATA}]},
            extraVolumes=[{"name": "data", "persistentVolumeClaim": {"claimName": name}}],
        )
        yield
        operator.install()


def manifest(file: str, namespace: str, **values: Any) -> Document:
    """The example for a namespace, with values of parameters."""
    document: Document = yaml.safe_load((EXAMPLE / file).read_text())
    document["metadata"]["namespace"] = namespace
    document["spec"]["params"] = [{"name": it, "value": values[it]} for it in values]
    return document


def finished(runs: Runs, document: Document) -> Document:
    """Status of a run that has succeeded."""
    metadata = document["metadata"]
    runs.apply(document)
    status = runs.wait(metadata["name"], is_finished, metadata["namespace"], timeout=300)
    assert status["exitCode"] == 0, json.dumps(status, indent=1)
    return status


def test_the_document_example_answers_questions_from_a_worker_pod(
    cluster: Cluster, runs: Runs, volume: Path
) -> None:
    document = manifest("run-pod.yaml", WORKERS)
    pod = document["spec"]["podTemplate"]["spec"]
    pod["containers"][0]["image"] = f"{REPOSITORY}:{TAG}"
    with claim(cluster, WORKERS, volume) as name:
        pod["volumes"][0]["persistentVolumeClaim"]["claimName"] = name
        finished(runs, document)
    assert answers(volume / "documents" / "index.sqlite") == QUESTIONS


@pytest.mark.usefixtures("operators_claim")
def test_it_answers_them_in_process_where_the_operator_has_its_image(
    runs: Runs, volume: Path
) -> None:
    given = {"input": "/opt/documents", "output": RESULTS}
    status = finished(runs, manifest("run.yaml", IN_PROCESS, **given))
    assert status["worker"]["operator"].startswith("pipelinerun-operator-"), status["worker"]
    assert answers(volume / "documents" / "index.sqlite") == QUESTIONS
