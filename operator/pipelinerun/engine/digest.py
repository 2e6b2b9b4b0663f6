"""Digests: what the rows that a stage puts out depend on, in one word."""

import hashlib
import json

from pipelinerun.api.job import PipelineJob
from pipelinerun.api.stage import Stage
from pipelinerun.api.topology import Topology
from pipelinerun.engine.loading import load, wants_context
from pipelinerun.engine.needed import needed_files
from pipelinerun.engine.packages import packages_of

_FIELDS = {
    *("name", "type", "actor", "callable", "config"),
    *("per", "batch_size", "batch_format"),
    *("task_filters", "task_matches", "on_error"),
}
"""Fields of a stage that its rows depend on; replicas and resources change the speed alone."""


def digest_of(job: PipelineJob, topology: Topology, stage: str) -> str:
    """The digest of the rows that a stage puts out.

    It covers the stages up to it with their config, how they are connected, the files that come
    with the run as far as they need them, and its packages, which are exact by then. Parameters are
    in the config where they are used; a stage that asks for its context sees all of them. The image
    and what a source reads are not covered. The code has to be importable.
    """
    stages = [topology.stages[name] for name in sorted(topology.through([stage]))]
    parts = {
        "stages": [stage.model_dump(mode="json", include=_FIELDS) for stage in stages],
        "before": [sorted(topology.before[stage.name]) for stage in stages],
        "code": needed_files(job.code.files, map(_module_of, stages)),
        "params": job.run.params if any(map(_sees_params, stages)) else {},
    }
    if packages := packages_of(job.code):
        parts["packages"] = [it for it in packages.lines if not it.startswith("-")]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _module_of(stage: Stage) -> str:
    return stage.import_path.partition(":")[0]


def _sees_params(stage: Stage) -> bool:
    target = load(stage.import_path)
    call = getattr(target, "__call__", None) if stage.actor else None  # noqa: B004 - a class's own
    return wants_context(target) or (call is not None and wants_context(call))
