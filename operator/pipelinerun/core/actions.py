"""Actions: what a decision comes to, in the one order that survives a crash between any two."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipelinerun.api.spec import Shutdown
from pipelinerun.api.status import PipelineRunStatus
from pipelinerun.core.finishing import execution_of
from pipelinerun.core.observed import Decision, Event


@dataclass(frozen=True)
class Reserve:
    """Keep a place for the run, at once: before anything is awaited."""


@dataclass(frozen=True)
class WriteStatus:
    """Write the status, if the run is still the version that was observed."""

    status: PipelineRunStatus


@dataclass(frozen=True)
class Start:
    """Start an execution whose intent is recorded."""

    number: int


@dataclass(frozen=True)
class Stop:
    """Tell an execution to end, for a cause that is recorded."""

    number: int
    how: Shutdown


@dataclass(frozen=True)
class Release:
    """End what is left of the run's attempts, and give its place to others."""


@dataclass(frozen=True)
class DeleteCluster:
    """Delete a RayCluster that was made for an attempt."""

    name: str


@dataclass(frozen=True)
class Delete:
    """Delete the run itself, if it is still the version that was observed."""

    why: str


@dataclass(frozen=True)
class Acknowledge:
    """Record that the spec was seen as it is now, and leave the rest of the status alone."""


@dataclass(frozen=True)
class Tell:
    """Create an Event."""

    event: Event


Action = (
    Reserve | WriteStatus | Start | Stop | Release | DeleteCluster | Acknowledge | Delete | Tell
)


def actions(observed: PipelineRunStatus, decision: Decision) -> Iterator[Action]:
    """What to do about a decision on an observed status. One that fails ends the rest.

    Whatever is done has been recorded before, so that after a crash the same decision, or the next
    one, is made from what is there.
    """
    if decision.start is not None:
        yield Reserve()
    if decision.status != observed:
        yield WriteStatus(decision.status)
    if decision.start is not None:
        yield Start(decision.start)
    if decision.stop is not None:
        yield Stop(execution_of(decision.status), decision.stop)
    if decision.release:
        yield Release()
    if decision.delete_cluster is not None:
        yield DeleteCluster(decision.delete_cluster)
    if decision.delete is not None:
        yield Delete(decision.delete)
    elif decision.acknowledge:
        yield Acknowledge()
    if decision.event is not None:
        yield Tell(decision.event)
