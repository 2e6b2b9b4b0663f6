"""From a finished run to the one that runs the same again. Pure."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from pipelinerun.api import checkpoints, graph
from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.names import API_VERSION, KIND, LABEL_KEEP, LABEL_RETRY_OF
from pipelinerun.api.topology import Topology, topology_of
from pipelinerun.cli.cluster.errors import ClusterError
from pipelinerun.cli.cluster.reading import is_finished, phase_of

Body = Mapping[str, Any]

_NOT_COPIED = frozenset({"suspend", "shutdown", "resumeFrom"})
_OWNERS = (
    *("argocd.argoproj.io", "toolkit.fluxcd.io", "helm.sh", "kapp.k14s.io", "cattle.io"),
    *("applyset.kubernetes.io", "kubectl.kubernetes.io", "config.k8s.io"),
)
"""Domains of labels and annotations by which tools know what is theirs; they would prune a copy."""
_NOT_ITS_OWN = frozenset(
    {"app.kubernetes.io/instance", "app.kubernetes.io/managed-by", LABEL_KEEP, LABEL_RETRY_OF}
)
_MAX_LABEL = 63


def retried(run: Body, resume_from: str | None) -> dict[str, Any]:
    """The manifest of a run that does the same as a finished one did.

    Args:
        run: as the API server sends it.
        resume_from: stage to start at; None for the source.
    """
    metadata, spec = run["metadata"], run["spec"]
    copied = {key: value for key, value in spec.items() if key not in _NOT_COPIED}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            # Of a run that was named like this itself, so that names do not grow.
            "generateName": metadata.get("generateName") or f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "labels": {
                **_its_own(metadata.get("labels")),
                LABEL_RETRY_OF: metadata["name"][:_MAX_LABEL].rstrip("-."),
            },
            "annotations": _its_own(metadata.get("annotations")),
        },
        "spec": copied | ({"resumeFrom": resume_from} if resume_from else {}),
    }


def check_finished(run: Body) -> None:
    """See that a run has ended.

    Raises:
        ClusterError: it has not; the message says how to end it.
    """
    if is_finished(run):
        return
    name, namespace = run["metadata"]["name"], run["metadata"]["namespace"]
    raise ClusterError(
        f"run {name!r} is not finished: it is {phase_of(run)}. To end it:\n"
        f"  pipelinerun cancel {name} -n {namespace}"
    )


def start_at(run: Body, stage: str) -> str | None:
    """The stage that was named, where a run can start at it; None for the only source.

    Raises:
        ClusterError: it cannot.
    """
    definition, topology = _definition(run)
    if [stage] == [name for name, before in topology.before.items() if not before]:
        return None
    for violation in checkpoints.wrong_start(definition, stage):
        raise ClusterError(violation.message)
    return stage


def start_behind_last_checkpoint(run: Body) -> str:
    """The stage behind the last checkpoint that a run has left.

    Raises:
        ClusterError: it has left none.
    """
    _, topology = _definition(run)
    stages = run.get("status", {}).get("stages", ())
    complete = {stage["name"] for stage in stages if stage.get("checkpointed")}
    behind = [
        name for name, before in topology.before.items() if before and complete.issuperset(before)
    ]
    if behind:
        return behind[-1]
    name = run["metadata"]["name"]
    why = "none of its stages has a checkpoint"
    if any(stage.checkpoint for stage in topology.stages.values()):
        why = "it has completed no checkpoint"
    raise ClusterError(
        f"run {name!r} has left nothing to resume from: {why}; without --resume it starts anew"
    )


def _definition(run: Body) -> tuple[PipelineDefinition, Topology]:
    try:
        definition = PipelineDefinition.model_validate(run["spec"]["pipeline"], extra="ignore")
    except ValidationError:
        wrong = True
    else:
        wrong = bool(graph.violations(definition))
    if wrong:
        raise ClusterError(f"the pipeline of run {run['metadata']['name']!r} is not valid")
    return definition, topology_of(definition)


def _its_own(given: Mapping[str, str] | None) -> dict[str, str]:
    return {key: value for key, value in (given or {}).items() if not _is_owners(key)}


def _is_owners(key: str) -> bool:
    domain, separator, _ = key.partition("/")
    owned = bool(separator) and any(f".{domain}".endswith(f".{it}") for it in _OWNERS)
    return owned or key in _NOT_ITS_OWN
