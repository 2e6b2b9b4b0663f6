"""Stopping an attempt: for what cause, which cause is stronger, and how it is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pipelinerun.api.spec import Shutdown
from pipelinerun.api.status import UNDER_WAY_PHASES, Failure, StopCause
from pipelinerun.core import reasons
from pipelinerun.core import status as build
from pipelinerun.core.conditions import tells
from pipelinerun.core.deadlines import passed
from pipelinerun.core.observed import Decision, Event, Observed, Sighting

STOP_INTERVAL = 5.0
"""Seconds after which an attempt that was told to end is told again."""
_STRENGTH: Final[dict[StopCause, int]] = {
    "ImagePullFailed": 0,
    "Suspend": 1,
    "Drain": 2,
    "Terminate": 3,
    "ActiveDeadline": 3,
    "AttemptDeadline": 3,
    "PendingDeadline": 3,
}
REASONS: Final[dict[StopCause, str]] = {
    "ImagePullFailed": reasons.IMAGE_PULL_FAILED,
    "Suspend": reasons.SUSPENDING,
    "Drain": reasons.DRAINING,
    "Terminate": reasons.TERMINATING,
    "ActiveDeadline": reasons.DEADLINE_EXCEEDED,
    "AttemptDeadline": reasons.ATTEMPT_DEADLINE_EXCEEDED,
    "PendingDeadline": reasons.PENDING_DEADLINE_EXCEEDED,
}
"""Why a run is Stopping, by the cause; unless it was asked for, also how it ends."""
_ASKED: Final[dict[StopCause, str]] = {
    "Suspend": "spec.suspend is true",
    "Drain": "spec.shutdown is Drain",
    "Terminate": "spec.shutdown is Terminate",
}


@dataclass(frozen=True)
class Stop:
    """A stop that is called for.

    Attributes:
        cause: why.
        message: the same for people.
        failure: how the attempt counts that can never start, if so.
    """

    cause: StopCause
    message: str
    failure: Failure | None = None


def how(cause: StopCause) -> Shutdown:
    """How an attempt is told to end."""
    return "Drain" if cause == "Drain" else "Terminate"


def asked(cause: StopCause) -> Stop:
    """The stop that the spec asks for."""
    return Stop(cause, _ASKED[cause])


def begin_stop(observed: Observed, now: datetime) -> Decision | None:
    """An attempt under way that is to end is told so, once the cause is recorded."""
    status = observed.status
    if status.phase not in UNDER_WAY_PHASES:
        return None
    stop = max(_called_for(observed, now), key=lambda it: _STRENGTH[it.cause], default=None)
    if stop is None:
        return None
    if status.stopping and _STRENGTH[status.stopping.cause] >= _STRENGTH[stop.cause]:
        return None
    reason, message = _told(stop, observed)
    stopping = build.stopping(
        status,
        stop.cause,
        stop.message,
        failure=stop.failure,
        reason=reason,
        explanation=message,
        generation=observed.generation,
        now=now,
    )
    return Decision(
        stopping,
        stop=how(stop.cause),
        event=Event("Normal" if stop.cause in _ASKED else "Warning", reason, message),
        requeue_after=STOP_INTERVAL,
    )


def go_on_stopping(observed: Observed, now: datetime) -> Decision | None:
    """An attempt that was told to end is told again until it has ended; meanwhile it is shown."""
    stopping = observed.status.stopping
    if observed.status.phase != "Stopping" or stopping is None:
        return None
    status, sighting = observed.status, observed.sighting
    if sighting is not None and observed.status_age >= STOP_INTERVAL:
        status = build.seen(status, sighting)
    stop, event = Stop(stopping.cause, stopping.message), None
    reason, message = _not_told(stop, sighting) or _told(stop, observed)
    if not tells(status.conditions, reason):
        status = build.in_phase(
            status, "Stopping", reason, message, generation=observed.generation, now=now
        )
        event = Event("Normal" if reason in REASONS.values() else "Warning", reason, message)
    return Decision(status, stop=how(stop.cause), event=event, requeue_after=STOP_INTERVAL)


def _called_for(observed: Observed, now: datetime) -> Iterator[Stop]:
    """All stops that are called for; of those equally strong the first one counts."""
    requests = observed.requests
    if requests.shutdown is not None:
        yield asked(requests.shutdown)
    deadline = passed(observed, now)
    if deadline is not None:
        yield Stop(deadline.cause, deadline.message)
    if requests.suspend:
        yield asked("Suspend")
    if (sighting := observed.sighting) and sighting.sight == "Starting" and sighting.outcome:
        # Until it is ended it may start after all.
        yield Stop("ImagePullFailed", sighting.message, sighting.outcome.failure)


def _told(stop: Stop, observed: Observed) -> tuple[str, str]:
    """Reason and message of a stop that takes its course."""
    follows = (
        "the sources are told to stop, and what is in flight goes on to the sinks"
        if stop.cause == "Drain"
        else f"the attempt is told to end, and killed after {observed.requests.grace} s"
    )
    return REASONS[stop.cause], f"{stop.message}; {follows}"


def _not_told(stop: Stop, sighting: Sighting | None) -> tuple[str, str] | None:
    """Reason and message of a drain that the attempt has not heard of yet."""
    if (
        sighting is None
        or sighting.reason != reasons.WORKER_UNREACHABLE
        or how(stop.cause) != "Drain"
    ):
        return None
    return sighting.reason, f"{stop.message}; the worker cannot be told: {sighting.message}"
