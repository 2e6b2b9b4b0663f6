"""Every YAML block of the documentation is one that its reader can use."""

import json
from typing import Any

import pytest
import yaml

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.job import RunIdentity
from pipelinerun.api.load import load_manifest
from pipelinerun.api.prepare import prepare
from pipelinerun.api.spec import PipelineRunSpec
from pipelinerun.controller.pods.template import pod_manifest
from tests.cluster.controlplane import ControlPlane
from tests.support.helm import ROOT, Helm
from tests.support.pages import Block, blocks
from tests.support.runs import Document, manifest

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OF_RUNS = {it.alias or name for name, it in PipelineRunSpec.model_fields.items()}
OF_PIPELINES = {it.alias or name for name, it in PipelineDefinition.model_fields.items()}


def of_language(language: str) -> list[Any]:
    """The blocks that are checked, by page and first line."""
    return [
        pytest.param(block, id=f"{page.relative_to(ROOT)}: {block.line}")
        for page in PAGES
        for block in blocks(page.read_text())
        if block.language == language and block.why_not is None
    ]


def whole(part: Document) -> Document:
    """A manifest that has a part that a page shows."""
    if "apiVersion" in part:
        return part
    run = manifest("documented", mode="Subprocess")
    spec = part.get("spec", part)
    assert isinstance(spec, dict)
    if spec.keys() <= OF_RUNS:
        run["spec"] |= spec
    else:
        run["spec"]["pipeline"] |= {key: spec[key] for key in spec.keys() - OF_RUNS}
        run["spec"] |= {key: spec[key] for key in spec.keys() & OF_RUNS}
    return run


@pytest.mark.parametrize("block", of_language("yaml"))
def test_the_api_server_takes_a_block_of_yaml(cluster: ControlPlane, block: Block) -> None:
    if block.title and block.title.endswith("values.yaml"):
        Helm(cluster).lint(yaml.safe_load(block.text))
        return
    for part in yaml.safe_load_all(block.text):
        document = whole(part)
        document["metadata"]["namespace"] = "default"
        apply(cluster, document)
        if document["kind"] == "PipelineRun":
            apply(cluster, pod_of(document))


def apply(cluster: ControlPlane, document: Document) -> None:
    """Let the API server look at a document by all its rules."""
    dry = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
    cluster.kubectl(*dry, stdin=json.dumps(document))


def pod_of(run: Document) -> Document:
    """The pod of a run, by all rules that need no cluster."""
    loaded = load_manifest(json.dumps(run))
    identity = RunIdentity(name="documented", namespace="default", uid="documented", attempt=1)
    job = prepare(loaded.spec, identity)
    template = loaded.spec.pod_template.model_dump(by_alias=True)
    return pod_manifest(job, image="none", templates=[template], grace=30)
