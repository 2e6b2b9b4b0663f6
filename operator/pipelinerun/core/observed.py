"""Facts: everything a decision may depend on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from pipelinerun.api.spec import FINALLY_DEADLINE, Retries, Shutdown
from pipelinerun.api.status import FailureClass, Outcome, PipelineRunStatus, StageStatus, Worker

NEVER = datetime.min.replace(tzinfo=UTC)

Sight = Literal["Starting", "Running", "Ended", "Lost"]


@dataclass(frozen=True)
class Sighting:
    """What the realiser sees of one attempt.

    Attributes:
        number: number of the attempt.
        sight: Starting, Running, Ended (``outcome`` says how) or Lost (nobody can find it).
        outcome: how it ended; of one that is Starting, how it will, since it can never start.
        stages: how far its stages are.
        reason: what keeps it from starting, or how it ended where the outcome's class does not say.
        message: the same for people; what is known about a lost attempt.
        worker: where it runs, if more is known by now.
    """

    number: int
    sight: Sight
    outcome: Outcome | None = None
    stages: tuple[StageStatus, ...] = ()
    reason: str = ""
    message: str = ""
    worker: Worker | None = None

    @property
    def under_way(self) -> bool:
        """Whether it has neither ended nor been lost."""
        return self.sight in {"Starting", "Running"}


@dataclass(frozen=True)
class Refusal:
    """Why a run can never start: its manifest or the operator's settings do not allow it."""

    reason: str
    message: str
    failure_class: FailureClass = "Config"


@dataclass(frozen=True)
class Wait:
    """Why a run cannot start yet.

    Attributes:
        reason: in one word.
        message: the same for people.
        look_again: seconds after which to look again, where nothing tells of a change. Meanwhile
            the run stands in nobody's way.
    """

    reason: str
    message: str
    look_again: float | None = None


@dataclass(frozen=True)
class Requests:
    """What the spec asks for beyond the start; it may change at any time.

    Attributes:
        suspend: hold the run.
        shutdown: end it, and how.
        active_deadline: seconds that the run may take.
        pending_deadline: seconds that it may wait.
        attempt_deadline: seconds that one attempt may take.
        finally_deadline: seconds that its finally stages may take.
        grace: seconds that an attempt gets to end by itself.
        ttl: seconds that the run stays once it has finished; None for as long as nobody deletes it.
    """

    suspend: bool = False
    shutdown: Shutdown | None = None
    active_deadline: int | None = None
    pending_deadline: int | None = None
    attempt_deadline: int | None = None
    finally_deadline: int = FINALLY_DEADLINE
    grace: int = 30
    ttl: int | None = None

    @property
    def hold(self) -> bool:
        """Whether no attempt may start."""
        return self.suspend or self.shutdown is not None


@dataclass(frozen=True)
class Observed:
    """A run as it is.

    Attributes:
        status: what was last written.
        generation: generation of the spec.
        uid: of the run.
        created: when the run was made.
        retries: the spec's rules for further attempts.
        requests: what else the spec asks for.
        stage_names: enabled stages in order.
        refusal: why it can never start, if so.
        wait: why it cannot start now, if so.
        worker: where an attempt that starts now would run.
        finally_worker: where its finally stages would run; None if it has none that can run.
        sighting: the execution that ``execution_of(status)`` names, as the realiser sees it.
        realiser_ready: False while the realiser cannot know what is running yet.
        status_age: seconds since this operator last wrote the status.
        restartable: whether starting the same attempt again does no harm, since it cannot be there
            twice.
        surplus: whether so many runs have finished later that the history does not hold this one.
        leftover: the RayCluster that was made for an attempt which has ended, while it is there.
    """

    status: PipelineRunStatus
    generation: int
    uid: str = ""
    created: datetime = NEVER
    retries: Retries = field(default_factory=Retries)
    requests: Requests = field(default_factory=Requests)
    stage_names: tuple[str, ...] = ()
    refusal: Refusal | None = None
    wait: Wait | None = None
    worker: Worker | None = None
    finally_worker: Worker | None = None
    sighting: Sighting | None = None
    realiser_ready: bool = True
    status_age: float = float("inf")
    restartable: bool = False
    surplus: bool = False
    leftover: str | None = None


@dataclass(frozen=True)
class Event:
    """A Kubernetes Event to tell a person the story."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True)
class Decision:
    """What to do; ``actions`` says in which order.

    Attributes:
        status: the status as it should be; equal to the observed one when nothing is to be written.
        start: number of the execution to start, once the status is written.
        stop: how to have the execution under way end, once the status is written.
        release: True when nothing needs the attempt's execution any more.
        delete_cluster: name of a RayCluster that nothing needs any more.
        acknowledge: whether to record that the spec was seen as it is now, and nothing else.
        delete: why the run itself is to be deleted, if so.
        event: what to tell.
        requeue_after: seconds after which to decide again even if nothing happens.
    """

    status: PipelineRunStatus
    start: int | None = None
    stop: Shutdown | None = None
    release: bool = False
    delete_cluster: str | None = None
    acknowledge: bool = False
    delete: str | None = None
    event: Event | None = None
    requeue_after: float | None = None


Policy = Callable[[Observed, datetime], Decision | None]
"""A verdict on the facts at a time; None leaves it to the next policy."""


def nothing(observed: Observed, requeue_after: float | None = None) -> Decision:
    """Leave everything as it is."""
    return Decision(observed.status, requeue_after=requeue_after)
