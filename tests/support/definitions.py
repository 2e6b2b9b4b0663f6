"""Builders of definitions and manifests, in the words that users write."""

from collections.abc import Iterable, Sequence
from typing import Any

from pipelinerun.api.definition import PipelineDefinition

Document = dict[str, Any]

PLAIN_VALUES: dict[str, object] = {
    "2026-01-31": "2026-01-31",
    "2026-01-31T12:00:00Z": "2026-01-31T12:00:00Z",
    "2026-99-99": "2026-99-99",
    "12:30": "12:30",
    "12:30:15": "12:30:15",
    "1e3": 1000,
    "1.5e-3": 0.0015,
    "010": 8,
    "0o10": 8,
    "0x1F": 31,
    "0b11": 3,
    "1_000": 1000,
    ".5": 0.5,
    "+5": 5,
    "yes": True,
    "off": False,
    "null": None,
    "~": None,
    "=": "=",
    "1.2.3": "1.2.3",
    "'5'": "5",
    "{1: a, 2026-01-31: b, 1.5: c}": {"1": "a", "2026-01-31": "b", "1.5": "c"},
}
"""Values as written in YAML, and what they mean to kubectl and so must mean to us."""


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
