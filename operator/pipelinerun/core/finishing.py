"""Finishing: the finally stages of a run whose end is decided.

    Pending ──▶ Starting ──▶ Running ─────▶ Succeeded
                 ▲    │         │
                 └lost┴─────────┼─────────▶ Failed
                                └deadline─▶ Stopping ──▶ Failed

Their executions are numbered -1, -2 and so on, as attempts are 1, 2 and so on. The first one starts
when nothing of the run is executed any more. How it ends changes nothing about the run's end.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from pipelinerun.api.exit_codes import KILLED, ExitCode
from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.status import (
    Failure,
    FinallyStatus,
    Outcome,
    PipelineRunStatus,
    StageStatus,
    Verdict,
)
from pipelinerun.core import reasons
from pipelinerun.core import status as build
from pipelinerun.core.conditions import tells
from pipelinerun.core.deadlines import GRAIN
from pipelinerun.core.observed import Decision, Event, Observed, Sighting, nothing
from pipelinerun.core.pacing import RETRY_REFUSED, RUNNING_AFTER
from pipelinerun.core.stopping import STOP_INTERVAL
from pipelinerun.core.timestamps import format_time, parse_time


def execution_of(status: PipelineRunStatus) -> int:
    """Number of the execution that there may be of a run in that status; 0 if there is none."""
    if status.phase == "Finishing" and status.finally_ is not None:
        return -status.finally_.execution
    return status.attempt or 0


def conclude(
    observed: Observed, ended: PipelineRunStatus, verdict: Verdict, event: Event, now: datetime
) -> Decision:
    """The run's end is decided: it is over, or its finally stages are due.

    ``ended`` is the status with all that is known of the last attempt, which is not there any more.
    """
    if observed.finally_worker is None:
        status = build.concluded(ended, verdict, generation=observed.generation, now=now)
        return Decision(status, release=True, event=event)
    due = FinallyStatus(state="Pending", start_time=format_time(now))
    status = _shown(observed, ended, verdict, due, now)
    decision = Decision(status)
    if observed.realiser_ready:
        decision = _handed_out(observed, status, verdict, due, now)
    left = (_deadline(observed, due) - now).total_seconds()
    return replace(decision, event=event, requeue_after=left)


def finish(observed: Observed, now: datetime) -> Decision | None:
    """The finally stages of a run run once, and then the run is over, as it was decided before.

    Neither suspend nor shutdown nor the run's deadlines concern them: they have one of their own.
    """
    status = observed.status
    if status.phase != "Finishing":
        return None
    verdict, last = status.verdict, status.finally_
    assert verdict is not None  # written together with the phase
    assert last is not None
    decision = _next(observed, verdict, last, now)
    left = (_deadline(observed, last) - now).total_seconds()
    if left <= 0 or decision.release:
        return decision
    waits = (left, decision.requeue_after)
    return replace(decision, requeue_after=min(it for it in waits if it is not None))


def _next(observed: Observed, verdict: Verdict, last: FinallyStatus, now: datetime) -> Decision:
    late = _deadline(observed, last) <= now
    if last.state == "Pending":
        return _due(observed, verdict, last, now, late=late)
    if not observed.realiser_ready:
        return nothing(observed)
    sighting = observed.sighting
    nowhere = sighting is None or sighting.reason == reasons.POD_REFUSED
    if nowhere and not late and last.state == "Starting" and observed.restartable:
        return _started_again(observed, verdict, last, now)
    if sighting is None or nowhere or sighting.sight in {"Ended", "Lost"}:
        return _ended(observed, verdict, last, now, late=late)
    if late and last.state != "Stopping":
        stopping = last.model_copy(update={"state": "Stopping"})
        message = f"{_too_long(observed)}; they have been told to end, and are killed after"
        message += f" {observed.requests.grace} s"
        status = _shown(observed, observed.status, verdict, stopping, now, message=message)
        return Decision(status, stop="Terminate", requeue_after=STOP_INTERVAL)
    if last.state == "Stopping":
        return Decision(observed.status, stop="Terminate", requeue_after=STOP_INTERVAL)
    if sighting.sight == "Starting":
        return _held_up(observed, verdict, last, sighting, now)
    return _seen(observed, verdict, last, sighting, now)


def _due(
    observed: Observed, verdict: Verdict, last: FinallyStatus, now: datetime, *, late: bool
) -> Decision:
    """Nothing has been handed out so far."""
    if late:
        return _over(observed, verdict, last, _timeout(observed), now)
    if observed.finally_worker is None:
        refusal = observed.refusal
        message = refusal.message if refusal else "the manifest has no finally stages any more"
        failure = Failure(class_="Config", message=message[:MESSAGE_LIMIT])
        outcome = Outcome(exit_code=ExitCode.INVALID_DEFINITION, failure=failure)
        return _over(observed, verdict, last, outcome, now)
    if not observed.realiser_ready:
        return nothing(observed)
    return _handed_out(observed, observed.status, verdict, last, now)


def _handed_out(
    observed: Observed,
    status: PipelineRunStatus,
    verdict: Verdict,
    last: FinallyStatus,
    now: datetime,
) -> Decision:
    """Record the intent, then start."""
    started = last.model_copy(
        update={
            "state": "Starting",
            "execution": last.execution + 1,
            "worker": observed.finally_worker,
            "stages": [],
            "failure": None,
        }
    )
    return Decision(_shown(observed, status, verdict, started, now), start=-started.execution)


def _started_again(
    observed: Observed, verdict: Verdict, last: FinallyStatus, now: datetime
) -> Decision:
    """Stages whose intent is recorded, and which are nowhere yet, are started."""
    sighting, status = observed.sighting, observed.status
    if sighting is not None:
        status = _blocked(observed, verdict, last, sighting, now)
    return Decision(status, start=-last.execution, requeue_after=RETRY_REFUSED)


def _held_up(
    observed: Observed, verdict: Verdict, last: FinallyStatus, sighting: Sighting, now: datetime
) -> Decision:
    if sighting.outcome is None:
        return Decision(_blocked(observed, verdict, last, sighting, now))
    # They can never start; until they are ended they may start after all.
    ending = last.model_copy(update={"state": "Stopping", "failure": sighting.outcome.failure})
    why, text = sighting.reason, sighting.message
    status = _shown(observed, observed.status, verdict, ending, now, reason=why, message=text)
    return Decision(status, stop="Terminate", requeue_after=STOP_INTERVAL)


def _seen(
    observed: Observed, verdict: Verdict, last: FinallyStatus, sighting: Sighting, now: datetime
) -> Decision:
    remaining = RUNNING_AFTER - observed.status_age
    if last.state == "Running" or remaining > 0:
        return nothing(observed, requeue_after=remaining if last.state == "Starting" else None)
    running = build.finally_seen(last, sighting.stages, sighting.worker)
    running = running.model_copy(update={"state": "Running"})
    return Decision(_shown(observed, observed.status, verdict, running, now))


def _ended(
    observed: Observed, verdict: Verdict, last: FinallyStatus, now: datetime, *, late: bool
) -> Decision:
    """They have ended, or nobody can find them."""
    sighting = observed.sighting
    outcome = sighting.outcome if sighting else None
    if outcome is None:
        known = f": {sighting.message}" if sighting and sighting.message else ""
        message = f"the finally stages are nowhere to be found{known}"[:MESSAGE_LIMIT]
        failure = Failure(class_="Infrastructure", message=message, signal=9)
        outcome = Outcome(exit_code=KILLED, failure=failure)
    late = late or (last.state == "Stopping" and last.failure is None)
    if last.failure is not None and outcome.failure is not None:
        outcome = Outcome(exit_code=ExitCode.CANNOT_START, failure=last.failure)
    failure_ = outcome.failure
    lost = failure_ is not None and failure_.class_ == "Infrastructure"
    if failure_ is not None and late and (lost or last.state == "Stopping"):
        outcome = _timeout(observed, [*outcome.stages])
    elif failure_ is not None and lost and _may_run_again(observed, last):
        decision = _handed_out(observed, observed.status, verdict, last, now)
        message = f"{failure_.message}; the finally stages run once more"
        return replace(decision, event=Event("Warning", reasons.RETRYING, message))
    return _over(observed, verdict, last, outcome, now)


def _may_run_again(observed: Observed, last: FinallyStatus) -> bool:
    within = last.execution <= observed.retries.infrastructure_limit
    return within and observed.finally_worker is not None


def _over(
    observed: Observed, verdict: Verdict, last: FinallyStatus, outcome: Outcome, now: datetime
) -> Decision:
    """The run is over, as it was decided before."""
    sighting, failure = observed.sighting, outcome.failure
    if sighting is not None:
        last = build.finally_seen(last, sighting.stages, sighting.worker)
    ended = build.finally_ended(last, outcome, now=now)
    status = observed.status.model_copy(update={"finally_": ended})
    status = build.concluded(status, verdict, generation=observed.generation, now=now)
    message = f"{build.summary(outcome)}{build.place(ended.worker)}"
    event = Event("Warning", reasons.FINALLY_FAILED, message) if failure else None
    return Decision(status, release=True, event=event)


def _shown(
    observed: Observed,
    status: PipelineRunStatus,
    verdict: Verdict,
    last: FinallyStatus,
    now: datetime,
    *,
    reason: str = reasons.FINISHING,
    message: str = "",
) -> PipelineRunStatus:
    return build.finishing(
        status,
        verdict,
        last,
        reason=reason,
        message=message,
        generation=observed.generation,
        now=now,
    )


def _blocked(
    observed: Observed, verdict: Verdict, last: FinallyStatus, sighting: Sighting, now: datetime
) -> PipelineRunStatus:
    """What cannot start yet says why."""
    status, why, text = observed.status, sighting.reason, sighting.message
    if not why or tells(status.conditions, why):
        return status
    return _shown(observed, status, verdict, last, now, reason=why, message=text)


def _timeout(observed: Observed, stages: list[StageStatus] | None = None) -> Outcome:
    failure = Failure(class_="Timeout", message=_too_long(observed))
    return Outcome(exit_code=ExitCode.DEADLINE, failure=failure, stages=stages or [])


def _too_long(observed: Observed) -> str:
    seconds = observed.requests.finally_deadline
    return f"finallyDeadlineSeconds: the finally stages took longer than {seconds} s"


def _deadline(observed: Observed, last: FinallyStatus) -> datetime:
    seconds = observed.requests.finally_deadline
    return parse_time(last.start_time) + timedelta(seconds=seconds) + GRAIN
