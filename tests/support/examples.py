"""The examples, as users have them."""

from pathlib import Path

from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.load import load_manifest
from pipelinerun.api.prepare import prepare
from pipelinerun.api.run import PipelineRun

FOLDER = Path("examples")
MANIFESTS = sorted(it for it in FOLDER.rglob("*.yaml") if it.name != "kustomization.yaml")


def example(name: str) -> PipelineRun:
    """An example by the name of its run."""
    (found,) = (run for run in map(read, MANIFESTS) if run.metadata.name == name)
    return found


def read(path: Path) -> PipelineRun:
    """A manifest."""
    return load_manifest(path.read_text())


def job(name: str, **params: str) -> PipelineJob:
    """What an example does, with these parameters."""
    identity = RunIdentity(name=name, namespace="default", uid=name, attempt=1)
    run = example(name)
    values = [{"name": key, "value": value} for key, value in params.items()]
    spec = run.spec.model_validate({**run.spec.model_dump(by_alias=True), "params": values})
    return prepare(spec, identity)
