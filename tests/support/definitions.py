"""Builders of definitions and manifests, in the words that users write."""

from collections.abc import Iterable, Sequence
from typing import Any

from pipelinerun.api.definition import PipelineDefinition

Document = dict[str, Any]


def stage(name: str, kind: str = "stage", **fields: Any) -> Document:
    """A stage; ``actor`` and ``callable`` may be given, else it has a callable."""
    code = {} if fields.keys() & {"actor", "callable"} else {"callable": "steps:work"}
    return {"name": name, "type": kind} | code | fields


def line(count: int) -> list[Document]:
    """Stages ``s0``, ``s1``, … from a source to a sink."""
    kinds = ["source", *["stage"] * (count - 2), "sink"]
    return [stage(f"s{number}", kind) for number, kind in enumerate(kinds)]


def edges(*pairs: str) -> list[Document]:
    """Edges from texts such as ``a>b``."""
    return [dict(zip(("from", "to"), pair.split(">"), strict=True)) for pair in pairs]


def definition(
    stages: Sequence[Document], joined: Iterable[str] = (), **fields: Any
) -> PipelineDefinition:
    """A definition as it is read from a manifest."""
    document = {"stages": list(stages)} | fields
    if joined:
        document["edges"] = edges(*joined)
    return PipelineDefinition.model_validate(document)


def manifest(spec: Document, name: str = "run") -> Document:
    """A PipelineRun."""
    return {
        "apiVersion": "pipelinerun.dev/v1alpha1",
        "kind": "PipelineRun",
        "metadata": {"name": name},
        "spec": spec,
    }
