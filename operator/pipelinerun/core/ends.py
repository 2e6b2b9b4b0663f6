"""Ends of attempts: how one ended, and what follows from it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelinerun.api.exit_codes import KILLED, TERMINATED, ExitCode
from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.status import (
    UNDER_WAY_PHASES,
    Failure,
    FailureClass,
    Outcome,
    PipelineRunStatus,
    Stopping,
)
from pipelinerun.core import reasons
from pipelinerun.core import status as build
from pipelinerun.core.finishing import conclude
from pipelinerun.core.observed import Decision, Event, Observed, Sighting
from pipelinerun.core.retry import (
    Budget,
    action_for,
    backoff_seconds,
    budget_for,
    failures,
    may_retry,
)
from pipelinerun.core.stopping import REASONS

_LACKING = frozenset({reasons.POD_REFUSED, reasons.WAITING_FOR_CLUSTER, reasons.CLUSTER_BLOCKED})
"""Reasons of what has nothing that executes it yet: that is made, or looked for, again."""
_FROM_OUTSIDE: frozenset[FailureClass] = frozenset({"Cancelled", "Infrastructure"})


@dataclass(frozen=True)
class End:
    """How an attempt ended.

    Attributes:
        outcome: what is recorded of it.
        reason: the same in one word.
    """

    outcome: Outcome
    reason: str


def record_end(observed: Observed, now: datetime) -> Decision | None:
    """An attempt that has ended, or that nobody can find, is followed by its consequence."""
    outcome = _seen(observed)
    if outcome is None:
        return None
    stopping = observed.status.stopping
    if stopping is None or (outcome.exit_code == ExitCode.SUCCESS and stopping.cause != "Drain"):
        # It ended by itself, or was through before it heard that it should.
        reason = (observed.sighting.reason if observed.sighting else "") or build.reason_of(outcome)
        return _retried_or_finished(observed, End(outcome, reason), now)
    match stopping.cause:
        case "Suspend":
            return _suspended(observed, _stopped(stopping, outcome, reasons.SUSPENDED), now)
        case "Drain" | "Terminate":
            return _cancelled(observed, _stopped(stopping, outcome, reasons.CANCELLED), now)
        case "ImagePullFailed":
            return _retried_or_finished(observed, _never_started(stopping, outcome), now)
        case "AttemptDeadline":
            return _retried_or_finished(observed, _late(stopping, outcome), now)
        case "ActiveDeadline" | "PendingDeadline":
            end = _late(stopping, outcome)
            return _finished(observed, end, now, _recorded(observed, end, now))


def to_start_again(observed: Observed) -> bool:
    """Whether an attempt whose intent is recorded is nowhere yet, and may be started again."""
    return observed.restartable and nowhere_yet(observed.status, observed.sighting)


def nowhere_yet(status: PipelineRunStatus, sighting: Sighting | None) -> bool:
    """Whether an attempt's intent is recorded and nothing of it is there."""
    lacking = sighting is None or sighting.reason in _LACKING
    return status.phase == "Starting" and lacking


def place(observed: Observed) -> str:
    """Where the last attempt runs, as the end of a sentence."""
    sighting = observed.sighting
    worker = (sighting.worker if sighting else None) or observed.status.worker
    return build.place(worker)


def _seen(observed: Observed) -> Outcome | None:
    if observed.status.phase not in UNDER_WAY_PHASES or to_start_again(observed):
        return None
    sighting = observed.sighting
    if sighting is not None and sighting.under_way:
        return None
    if sighting is not None and sighting.outcome is not None:
        return sighting.outcome
    known = f": {sighting.message}" if sighting is not None and sighting.message else ""
    message = f"attempt {observed.status.attempt} is nowhere to be found{known}"[:MESSAGE_LIMIT]
    if observed.status.stopping is not None:
        # It was told to end, and it did: more is not known.
        failure = Failure(class_="Cancelled", message=message, signal=15)
        return Outcome(exit_code=TERMINATED, failure=failure)
    failure = Failure(class_="Infrastructure", message=message, signal=9)
    return Outcome(exit_code=KILLED, failure=failure, stages=observed.status.stages)


def _stopped(stopping: Stopping, outcome: Outcome, reason: str) -> End:
    """An end that was asked for; what the pipeline's own code did wrong meanwhile stays known."""
    failure = outcome.failure
    if failure is not None and failure.class_ in _FROM_OUTSIDE:
        message = f"{stopping.message}; {failure.message}"[:MESSAGE_LIMIT]
        failure = failure.model_copy(update={"class_": "Cancelled", "message": message})
    return End(outcome.model_copy(update={"failure": failure}), reason)


def _late(stopping: Stopping, outcome: Outcome) -> End:
    failure = Failure(class_="Timeout", message=stopping.message)
    changes = {"exit_code": ExitCode.DEADLINE, "failure": failure}
    return End(outcome.model_copy(update=changes), REASONS[stopping.cause])


def _never_started(stopping: Stopping, outcome: Outcome) -> End:
    """The end of an attempt that could not start; its own if it did start, and ended by itself."""
    failure = outcome.failure
    if failure is not None and failure.class_ not in _FROM_OUTSIDE:
        return End(outcome, build.reason_of(outcome))
    unstarted = Outcome(exit_code=ExitCode.CANNOT_START, failure=stopping.failure)
    return End(unstarted, REASONS[stopping.cause])


def _retried_or_finished(observed: Observed, end: End, now: datetime) -> Decision:
    failure = end.outcome.failure
    action = action_for(end.outcome, observed.retries.rules)
    ended = _recorded(observed, end, now, budget_for(end.outcome, action))
    if failure is None or not may_retry(failure.class_, ended, observed.retries, action):
        return _finished(observed, end, now, ended)
    delay = backoff_seconds(observed.retries.backoff, failures(ended), observed.uid)
    message = f"{build.summary(end.outcome)}; attempt {ended.attempt} failed, next in {delay:.0f} s"
    waiting = build.backing_off(
        ended, now + timedelta(seconds=delay), message, generation=observed.generation, now=now
    )
    event = Event("Warning", reasons.RETRYING, message)
    return Decision(waiting, release=True, event=event, requeue_after=delay)


def _finished(observed: Observed, end: End, now: datetime, ended: PipelineRunStatus) -> Decision:
    verdict = build.verdict(ended, end.outcome, reason=end.reason)
    message = f"{build.summary(end.outcome)}, attempt {ended.attempt}{place(observed)}"
    event = Event("Warning" if end.outcome.failure else "Normal", end.reason, message)
    return conclude(observed, ended, verdict, event, now)


def _cancelled(observed: Observed, end: End, now: datetime) -> Decision:
    outcome = end.outcome
    message = (
        build.summary(outcome)
        if outcome.failure
        else "spec.shutdown is Drain; all that was in flight has reached the sinks"
    )
    ended = _recorded(observed, end, now)
    verdict = build.verdict(ended, outcome, phase="Cancelled", reason=end.reason, message=message)
    event = Event("Normal", end.reason, f"{message}, attempt {ended.attempt}{place(observed)}")
    return conclude(observed, ended, verdict, event, now)


def _suspended(observed: Observed, end: End, now: datetime) -> Decision:
    status = build.suspended(_recorded(observed, end, now), generation=observed.generation, now=now)
    message = f"Attempt {status.attempt} has ended; the run waits until spec.suspend is false"
    return Decision(status, release=True, event=Event("Normal", end.reason, message))


def _recorded(
    observed: Observed, end: End, now: datetime, budget: Budget | None = None
) -> PipelineRunStatus:
    return build.attempt_ended(
        observed.status,
        end.outcome,
        now=now,
        reason=end.reason,
        worker=observed.sighting.worker if observed.sighting else None,
        budget=budget,
    )
