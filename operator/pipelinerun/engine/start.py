"""Where a run starts: at its source, or behind a checkpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelinerun.api import graph
from pipelinerun.api.checkpoints import stage_before
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.violations import InvalidDefinitionError, Violation
from pipelinerun.engine.checkpoint import Checkpoint, Marker, NoCheckpointError
from pipelinerun.engine.digest import digest_of

Checkpoints = Mapping[str, Checkpoint]
"""By the name of the stage whose rows they keep."""


@dataclass(frozen=True)
class Start:
    """A start behind a checkpoint.

    Attributes:
        skipped: names of the stages that do not run, in their order.
        marker: of the checkpoint of the last of them.
    """

    skipped: Sequence[str]
    marker: Marker


def checkpoints_of(job: PipelineJob, options: Mapping[str, Any]) -> Checkpoints:
    """The checkpoints that the stages of a valid job declare. ``options`` are Ray's, for tasks.

    Raises:
        InvalidDefinitionError: a path is none.
    """
    line = graph.stage_line(job.definition)
    found: dict[str, Checkpoint] = {}
    for index, stage in enumerate(line):
        if stage.checkpoint is None:
            continue
        digest = digest_of(job, line[: index + 1])
        try:
            found[stage.name] = Checkpoint(
                stage.checkpoint, stage=stage.name, digest=digest, options=options
            )
        except ValueError as error:
            names = [it.name for it in job.definition.stages]
            place = f"pipeline.stages[{names.index(stage.name)}].checkpoint"
            raise InvalidDefinitionError([Violation(place, str(error))]) from None
    return found


def start_of(job: PipelineJob, checkpoints: Checkpoints) -> Start | None:
    """Where the attempt starts; None at its source.

    A further attempt starts behind the last checkpoint that the run itself has completed.

    Raises:
        InvalidDefinitionError: it is to start behind a checkpoint that is not there.
    """
    line = graph.stage_line(job.definition)
    asked = stage_before(line, job.resume_from) if job.resume_from else None
    if asked is None and job.run.attempt == 1:
        return None
    for index, stage in reversed([*enumerate(line)]):
        if stage.name not in checkpoints:
            continue
        try:
            marker = checkpoints[stage.name].complete()
        except NoCheckpointError as error:
            if stage is asked:
                raise InvalidDefinitionError([Violation("resumeFrom", str(error))]) from None
            continue
        if stage is asked or _same_run(marker.run, job.run):
            return Start([it.name for it in line[: index + 1]], marker)
    return None


def _same_run(run: RunIdentity, other: RunIdentity) -> bool:
    return other.attempt > 1 and run.uid == other.uid
