"""Where a run starts: at its sources, or behind checkpoints."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.topology import topology_of
from pipelinerun.api.violations import InvalidDefinitionError, Violation
from pipelinerun.engine.checkpoint import Checkpoint, Marker, NoCheckpointError
from pipelinerun.engine.digest import digest_of

Checkpoints = Mapping[str, Checkpoint]
"""By the name of the stage whose rows they keep."""


@dataclass(frozen=True)
class Start:
    """Where an attempt starts.

    Attributes:
        markers: of the checkpoints that it starts behind, by the name of the stage; none where it
            starts at the sources alone.
        skipped: names of the stages that do not run.
    """

    markers: Mapping[str, Marker] = field(default_factory=dict)
    skipped: Set[str] = frozenset()

    @property
    def rows(self) -> dict[str, int]:
        """How many rows there are in the checkpoints."""
        return {stage: marker.rows for stage, marker in self.markers.items()}


def checkpoints_of(job: PipelineJob, options: Mapping[str, Any]) -> Checkpoints:
    """The checkpoints that the stages of a valid job declare. ``options`` are Ray's, for tasks.

    Raises:
        InvalidDefinitionError: a path is none.
    """
    topology = topology_of(job.definition)
    found: dict[str, Checkpoint] = {}
    for name, stage in topology.stages.items():
        if stage.checkpoint is None:
            continue
        digest = digest_of(job, topology, name)
        try:
            found[name] = Checkpoint(stage.checkpoint, stage=name, digest=digest, options=options)
        except ValueError as error:
            names = [it.name for it in job.definition.stages]
            place = f"pipeline.stages[{names.index(name)}].checkpoint"
            raise InvalidDefinitionError([Violation(place, str(error))]) from None
    return found


def start_of(job: PipelineJob, checkpoints: Checkpoints) -> Start:
    """Where the attempt starts.

    A further attempt starts behind the last checkpoints that the run itself has completed.

    Raises:
        InvalidDefinitionError: it is to start behind a checkpoint that is not there.
    """
    topology = topology_of(job.definition)
    asked = topology.before[job.resume_from] if job.resume_from else ()
    before = topology.through(asked)
    markers: dict[str, Marker] = {}
    running: set[str] = set()
    waiting = topology.sinks()
    while waiting:
        name = waiting.pop()
        if name in running or name in markers:
            continue
        if name in checkpoints and (name in before or job.run.attempt > 1):
            try:
                marker = checkpoints[name].complete()
            except NoCheckpointError as error:
                if name in asked:
                    raise InvalidDefinitionError([Violation("resumeFrom", str(error))]) from None
            else:
                if name in before or _same_run(marker.run, job.run):
                    markers[name] = marker
                    continue
        running.add(name)
        waiting += topology.before[name]
    return Start(markers, topology.stages.keys() - running)


def _same_run(run: RunIdentity, other: RunIdentity) -> bool:
    return other.attempt > 1 and run.uid == other.uid
