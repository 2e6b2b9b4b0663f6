"""The policies: an ordered chain of small pure functions, the first verdict wins.

    Pending ──start──▶ Starting ──seen──▶ Running ──ended──▶ Succeeded
       ▲                  │                  │
       │                  └──ended or lost───┤
       └────budget left, after backoff───────┴──no budget──▶ Failed

A run that can never start goes from Pending to Failed. Succeeded and Failed absorb.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from pipelinerun.api.exit_codes import SIGNAL_BASE, ExitCode
from pipelinerun.api.run import (
    MESSAGE_LIMIT,
    TERMINAL_PHASES,
    Failure,
    Outcome,
    PipelineRunStatus,
    Worker,
)
from pipelinerun.core import reasons
from pipelinerun.core import status as build
from pipelinerun.core.observed import Decision, Event, Observed, Sighting, nothing
from pipelinerun.core.retry import backoff_seconds, may_retry
from pipelinerun.core.timestamps import parse_time

PROGRESS_INTERVAL = 10.0
"""Seconds between two writes of progress."""
RUNNING_AFTER = 1.0
"""Seconds for which a run stays Starting at least: one that ends before saves a write."""
RETRY_REFUSED = 30.0
"""Seconds after which a pod that was refused is tried again."""
_KILLED = SIGNAL_BASE + 9
_UNDER_WAY = frozenset({"Starting", "Running"})

Policy = Callable[[Observed, datetime], Decision | None]


def leave_finished_run(observed: Observed, _now: datetime) -> Decision | None:
    """Terminal absorbs."""
    if observed.status.phase not in TERMINAL_PHASES:
        return None
    return Decision(observed.status, release=True)


def wait_for_sight(observed: Observed, _now: datetime) -> Decision | None:
    """While nobody can know what is running, nothing is judged."""
    if observed.status.phase in _UNDER_WAY and not observed.realiser_ready:
        return nothing(observed)
    return None


def record_end(observed: Observed, now: datetime) -> Decision | None:
    """An attempt that has ended, or that nobody can find, is followed by its consequence."""
    outcome = _end_of_attempt(observed)
    if outcome is None:
        return None
    sighting = observed.sighting
    reason = (sighting.reason if sighting else "") or build.reason_of(outcome)
    worker = sighting.worker if sighting else None
    ended = build.attempt_ended(observed.status, outcome, now=now, reason=reason, worker=worker)
    generation = observed.generation
    failure = outcome.failure
    if failure is not None and may_retry(failure.class_, ended, observed.retries):
        delay = backoff_seconds(observed.retries.backoff, ended.attempt or 1)
        message = f"{build.summary(outcome)}; attempt {ended.attempt} failed, next in {delay:.0f} s"
        waiting = build.in_phase(
            ended, "Pending", reasons.BACKING_OFF, message, generation=generation, now=now
        )
        event = Event("Warning", reasons.RETRYING, message)
        return Decision(waiting, release=True, event=event, requeue_after=delay)
    status = build.finished(ended, outcome, generation=generation, now=now, reason=reason)
    message = f"{build.summary(outcome)}, attempt {status.attempt}{_place(status.worker)}"
    event = Event("Warning" if failure else "Normal", reason, message)
    return Decision(status, release=True, event=event)


def start_again(observed: Observed, now: datetime) -> Decision | None:
    """An attempt whose intent is recorded, and which is nowhere yet, is started."""
    if observed.status.phase != "Starting" or not observed.restartable:
        return None
    sighting = observed.sighting
    if sighting is not None and sighting.reason != reasons.POD_REFUSED:
        return None
    status = observed.status if sighting is None else _blocked(observed, sighting, now)
    return Decision(status, start=observed.status.attempt, requeue_after=RETRY_REFUSED)


def tell_what_blocks(observed: Observed, now: datetime) -> Decision | None:
    """An attempt that cannot start yet says why."""
    sighting = observed.sighting
    if observed.status.phase != "Starting" or sighting is None or sighting.sight != "Starting":
        return None
    if not sighting.reason:
        return None
    status = _blocked(observed, sighting, now)
    return Decision(status, requeue_after=PROGRESS_INTERVAL)


def record_progress(observed: Observed, now: datetime) -> Decision | None:
    """An attempt that runs is shown as Running, and how far it is every now and then."""
    if observed.status.phase not in _UNDER_WAY or observed.sighting is None:
        return None
    if observed.sighting.sight == "Starting":
        return nothing(observed)
    starting = observed.status.phase == "Starting"
    remaining = (RUNNING_AFTER if starting else PROGRESS_INTERVAL) - observed.status_age
    if remaining > 0:
        return nothing(observed, requeue_after=remaining)
    status = build.attempt_running(
        observed.status, observed.sighting, generation=observed.generation, now=now
    )
    return Decision(status, requeue_after=PROGRESS_INTERVAL)


def refuse(observed: Observed, now: datetime) -> Decision | None:
    """A run that can never start fails at once."""
    refusal = observed.refusal
    if refusal is None:
        return None
    failure = Failure(class_=refusal.failure_class, message=refusal.message[:MESSAGE_LIMIT])
    outcome = Outcome(exit_code=ExitCode.INVALID_DEFINITION, failure=failure)
    status = build.finished(
        observed.status, outcome, generation=observed.generation, now=now, reason=refusal.reason
    )
    return Decision(status, event=Event("Warning", refusal.reason, refusal.message))


def back_off(observed: Observed, now: datetime) -> Decision | None:
    """After a failed attempt the next one waits."""
    if not observed.status.attempts:
        return None
    last = observed.status.attempts[-1]
    if last.completion_time is None:
        return None
    delay = backoff_seconds(observed.retries.backoff, observed.status.attempt or 1)
    remaining = parse_time(last.completion_time) + timedelta(seconds=delay) - now
    if remaining <= timedelta(0):
        return None
    return nothing(observed, requeue_after=remaining.total_seconds())


def wait_for_place(observed: Observed, now: datetime) -> Decision | None:
    """A run that has no place yet is Pending and says what it waits for."""
    wait = observed.wait
    if wait is None:
        return None
    current = {condition.reason for condition in observed.status.conditions}
    if observed.status.phase == "Pending" and current == {wait.reason}:
        return nothing(observed)
    status = build.in_phase(
        observed.status,
        "Pending",
        wait.reason,
        wait.message,
        generation=observed.generation,
        now=now,
    )
    return Decision(status)


def start(observed: Observed, now: datetime) -> Decision:
    """Nothing stands in the way: record the intent, then start."""
    status = build.attempt_started(
        observed.status,
        observed.stage_names,
        observed.worker,
        generation=observed.generation,
        now=now,
    )
    message = f"Attempt {status.attempt} started{_place(observed.worker)}"
    # The start of a pod is told by Events of its own; another one here would be a write too many.
    in_pod = observed.worker is not None and observed.worker.pod is not None
    event = None if in_pod else Event("Normal", reasons.ATTEMPT_STARTED, message)
    return Decision(status, start=status.attempt, event=event)


POLICIES: tuple[Policy, ...] = (
    leave_finished_run,
    wait_for_sight,
    start_again,
    record_end,
    tell_what_blocks,
    record_progress,
    refuse,
    back_off,
    wait_for_place,
    start,
)


def decide(observed: Observed, now: datetime) -> Decision:
    """What to do about a run; the same facts and time always give the same decision."""
    return next(decision for policy in POLICIES if (decision := policy(observed, now)) is not None)


def _blocked(observed: Observed, sighting: Sighting, now: datetime) -> PipelineRunStatus:
    if {condition.reason for condition in observed.status.conditions} == {sighting.reason}:
        return observed.status
    return build.in_phase(
        observed.status,
        "Starting",
        sighting.reason,
        sighting.message,
        generation=observed.generation,
        now=now,
    )


def _place(worker: Worker | None) -> str:
    if worker is None:
        return ""
    return f" in pod {worker.pod}" if worker.pod else f" in operator {worker.operator}"


def _end_of_attempt(observed: Observed) -> Outcome | None:
    if observed.status.phase not in _UNDER_WAY:
        return None
    sighting = observed.sighting
    if sighting is not None and sighting.sight in {"Starting", "Running"}:
        return None
    if sighting is not None and sighting.outcome is not None:
        return sighting.outcome
    known = f": {sighting.message}" if sighting is not None and sighting.message else ""
    message = f"attempt {observed.status.attempt} is nowhere to be found{known}"[:MESSAGE_LIMIT]
    failure = Failure(class_="Infrastructure", message=message, signal=9)
    return Outcome(exit_code=_KILLED, failure=failure, stages=observed.status.stages)
