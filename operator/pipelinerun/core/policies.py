"""The policies: an ordered chain of small pure functions, the first verdict wins.

    Suspended ◀─suspend─ Stopping ◀─────┬──────────┐
       │                    │           │          │ suspend, shutdown or deadline
       ▼                    ▼           │          │
    Pending ──start──▶ (Cancelled)  Starting ──▶ Running ──ended──▶ Succeeded
       ▲                                │          │
       └─────budget left, after backoff─┴──────────┴──no budget───▶ Failed

Succeeded, Failed and Cancelled absorb, until the run is deleted. A run with finally stages is
Finishing before it gets there.
"""

from dataclasses import replace
from datetime import datetime

from pipelinerun.api.exit_codes import TERMINATED, ExitCode
from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.status import (
    TERMINAL_PHASES,
    UNDER_WAY_PHASES,
    Failure,
    Outcome,
    PipelineRunStatus,
)
from pipelinerun.core import reasons
from pipelinerun.core import status as build
from pipelinerun.core.conditions import tells
from pipelinerun.core.deadlines import next_in, passed
from pipelinerun.core.ends import record_end, to_start_again
from pipelinerun.core.finishing import conclude, finish
from pipelinerun.core.observed import Decision, Event, Observed, Policy, Sighting, nothing
from pipelinerun.core.pacing import (
    CLUSTER_INTERVAL,
    LEFTOVER_INTERVAL,
    PROGRESS_INTERVAL,
    RETRY_REFUSED,
    RUNNING_AFTER,
)
from pipelinerun.core.retention import expires_in, why_delete
from pipelinerun.core.retry import backing_off_for
from pipelinerun.core.stopping import REASONS, asked, begin_stop, go_on_stopping


def delete_leftover(observed: Observed, _now: datetime) -> Decision | None:
    """The RayCluster of an attempt goes with it, before anything else is done.

    Where the next attempt was recorded first, nothing would tell of it any more.
    """
    if observed.leftover is None:
        return None
    return Decision(
        observed.status, delete_cluster=observed.leftover, requeue_after=LEFTOVER_INTERVAL
    )


def leave_finished_run(observed: Observed, now: datetime) -> Decision | None:
    """Terminal absorbs; what is left to do is to delete the run once it need not stay.

    A spec whose TTL has changed since is acknowledged: who waits for that sees that it is done.
    """
    if observed.status.phase not in TERMINAL_PHASES:
        return None
    return Decision(
        observed.status,
        acknowledge=observed.status.observed_generation != observed.generation,
        release=True,
        delete=why_delete(observed, now),
        requeue_after=expires_in(observed, now),
    )


def wait_for_sight(observed: Observed, _now: datetime) -> Decision | None:
    """While nobody can know what is running, nothing is judged."""
    if observed.status.phase in UNDER_WAY_PHASES and not observed.realiser_ready:
        return nothing(observed)
    return None


def start_again(observed: Observed, now: datetime) -> Decision | None:
    """An attempt whose intent is recorded, and which is nowhere yet, is started."""
    if not to_start_again(observed):
        return None
    sighting = observed.sighting
    status = observed.status if sighting is None else _blocked(observed, sighting, now)
    refused = sighting is not None and sighting.reason == reasons.POD_REFUSED
    again = RETRY_REFUSED if refused else CLUSTER_INTERVAL
    return Decision(status, start=observed.status.attempt, requeue_after=again)


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
    if observed.status.phase not in {"Starting", "Running"} or observed.sighting is None:
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


def cancel(observed: Observed, now: datetime) -> Decision | None:
    """A run that is to end and has no attempt under way ends at once."""
    shutdown = observed.requests.shutdown
    if shutdown is None:
        return None
    message = f"{asked(shutdown).message}; no attempt was under way"
    outcome = Outcome(
        exit_code=TERMINATED,
        elapsed_seconds=_elapsed(observed.status),
        failure=Failure(class_="Cancelled", message=message, signal=15),
    )
    verdict = build.verdict(observed.status, outcome, phase="Cancelled", reason=reasons.CANCELLED)
    event = Event("Normal", reasons.CANCELLED, message)
    return conclude(observed, observed.status, verdict, event, now)


def hold(observed: Observed, now: datetime) -> Decision | None:
    """A run that is suspended waits, takes no place and says so."""
    if not observed.requests.suspend:
        return None
    status = build.suspended(observed.status, generation=observed.generation, now=now)
    already = observed.status.phase == "Suspended"
    event = None if already else Event("Normal", reasons.SUSPENDED, build.HELD)
    return Decision(status, release=True, event=event)


def time_out(observed: Observed, now: datetime) -> Decision | None:
    """A run whose deadline passes while no attempt is under way fails."""
    deadline = passed(observed, now)
    if deadline is None:
        return None
    reason = REASONS[deadline.cause]
    outcome = Outcome(
        exit_code=ExitCode.DEADLINE,
        elapsed_seconds=_elapsed(observed.status),
        failure=Failure(class_="Timeout", message=deadline.message[:MESSAGE_LIMIT]),
    )
    verdict = build.verdict(observed.status, outcome, reason=reason)
    event = Event("Warning", reason, deadline.message)
    return conclude(observed, observed.status, verdict, event, now)


def refuse(observed: Observed, now: datetime) -> Decision | None:
    """A run that can never start fails at once; neither can its finally stages."""
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
    remaining = backing_off_for(observed.status, now)
    return nothing(observed, requeue_after=remaining) if remaining > 0 else None


def wait_for_place(observed: Observed, now: datetime) -> Decision | None:
    """A run that has no place yet is Pending and says what it waits for."""
    wait = observed.wait
    if wait is None:
        return None
    status = observed.status
    if status.phase != "Pending" or not tells(status.conditions, wait.reason):
        status = build.in_phase(
            status,
            "Pending",
            wait.reason,
            wait.message,
            generation=observed.generation,
            now=now,
        )
    aside = wait.look_again is not None
    return Decision(status, release=aside, requeue_after=wait.look_again)


def start(observed: Observed, now: datetime) -> Decision:
    """Nothing stands in the way: record the intent, then start."""
    status = build.attempt_started(
        observed.status,
        observed.stage_names,
        observed.worker,
        generation=observed.generation,
        now=now,
    )
    message = f"Attempt {status.attempt} started{build.place(observed.worker)}"
    # The start of a pod is told by Events of its own; another one here would be a write too many.
    in_pod = observed.worker is not None and observed.worker.pod is not None
    event = None if in_pod else Event("Normal", reasons.ATTEMPT_STARTED, message)
    return Decision(status, start=status.attempt, event=event)


POLICIES: tuple[Policy, ...] = (
    delete_leftover,
    leave_finished_run,
    finish,
    wait_for_sight,
    record_end,
    begin_stop,
    go_on_stopping,
    start_again,
    tell_what_blocks,
    record_progress,
    cancel,
    hold,
    time_out,
    refuse,
    back_off,
    wait_for_place,
    start,
)


def decide(observed: Observed, now: datetime) -> Decision:
    """What to do about a run; the same facts and time always give the same decision."""
    verdicts = (policy(observed, now) for policy in POLICIES)
    decision = next(verdict for verdict in verdicts if verdict is not None)
    waits = (decision.requeue_after, next_in(observed, decision.status, now))
    return replace(
        decision, requeue_after=min((it for it in waits if it is not None), default=None)
    )


def _elapsed(status: PipelineRunStatus) -> float:
    return (status.attempts[-1].elapsed_seconds if status.attempts else None) or 0.0


def _blocked(observed: Observed, sighting: Sighting, now: datetime) -> PipelineRunStatus:
    if tells(observed.status.conditions, sighting.reason):
        return observed.status
    return build.in_phase(
        observed.status,
        "Starting",
        sighting.reason,
        sighting.message,
        generation=observed.generation,
        now=now,
    )
