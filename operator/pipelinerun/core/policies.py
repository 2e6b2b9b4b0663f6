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
from pipelinerun.api.run import MESSAGE_LIMIT, TERMINAL_PHASES, Failure, Outcome
from pipelinerun.core import reasons
from pipelinerun.core import status as build
from pipelinerun.core.observed import Decision, Event, Observed, nothing
from pipelinerun.core.retry import backoff_seconds, may_retry
from pipelinerun.core.timestamps import parse_time

PROGRESS_INTERVAL = 10.0
"""Seconds between two writes of progress."""
RUNNING_AFTER = 1.0
"""Seconds for which a run stays Starting at least: one that ends before saves a write."""
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
    ended = build.attempt_ended(observed.status, outcome, now=now)
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
    status = build.finished(ended, outcome, generation=generation, now=now)
    event = Event(
        "Warning" if failure else "Normal", build.reason_of(outcome), build.summary(outcome)
    )
    return Decision(status, release=True, event=event)


def record_progress(observed: Observed, now: datetime) -> Decision | None:
    """An attempt that runs is shown as Running, and how far it is every now and then."""
    if observed.status.phase not in _UNDER_WAY or observed.sighting is None:
        return None
    interval = RUNNING_AFTER if observed.status.phase == "Starting" else PROGRESS_INTERVAL
    remaining = interval - observed.status_age
    if observed.sighting.sight == "Starting":
        return nothing(observed)
    if remaining > 0:
        return nothing(observed, requeue_after=remaining)
    status = build.attempt_running(
        observed.status, observed.sighting.stages, generation=observed.generation, now=now
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
    place = observed.worker.operator if observed.worker else None
    message = f"Attempt {status.attempt} started" + (f" in operator {place}" if place else "")
    event = Event("Normal", reasons.ATTEMPT_STARTED, message)
    return Decision(status, start=status.attempt, event=event)


POLICIES: tuple[Policy, ...] = (
    leave_finished_run,
    wait_for_sight,
    record_end,
    record_progress,
    refuse,
    back_off,
    wait_for_place,
    start,
)


def decide(observed: Observed, now: datetime) -> Decision:
    """What to do about a run; the same facts and time always give the same decision."""
    return next(decision for policy in POLICIES if (decision := policy(observed, now)) is not None)


def _end_of_attempt(observed: Observed) -> Outcome | None:
    if observed.status.phase not in _UNDER_WAY:
        return None
    sighting = observed.sighting
    if sighting is not None and sighting.sight in {"Starting", "Running"}:
        return None
    if sighting is not None and sighting.outcome is not None:
        return sighting.outcome
    known = f": {sighting.message}" if sighting is not None and sighting.message else ""
    message = f"the driver of attempt {observed.status.attempt} is gone{known}"[:MESSAGE_LIMIT]
    failure = Failure(class_="Infrastructure", message=message, signal=9)
    return Outcome(exit_code=_KILLED, failure=failure, stages=observed.status.stages)
