"""Builders of what decisions are made from, and of what they result in."""

from datetime import UTC, datetime, timedelta

from pipelinerun.api.status import (
    Failure,
    FailureClass,
    Outcome,
    Phase,
    PipelineRunStatus,
    StageState,
    StageStatus,
    StopCause,
    Worker,
)
from pipelinerun.core import reasons
from pipelinerun.core import status as build
from pipelinerun.core.observed import Sighting
from pipelinerun.core.retry import budget_for
from pipelinerun.core.stopping import REASONS

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
WORKER = Worker(operator="operator-0")
STAGES = ("in", "out")


def stages(*states: StageState) -> tuple[StageStatus, ...]:
    """How far the stages of the run are."""
    return tuple(
        StageStatus(name=name, state=state, rows_out=5)
        for name, state in zip(STAGES, states, strict=True)
    )


def success() -> Outcome:
    """The outcome of an attempt that succeeded."""
    done = [*stages("Succeeded", "Succeeded")]
    return Outcome(exit_code=0, elapsed_seconds=2.5, stages=done)


def failed(class_: FailureClass = "User", exit_code: int = 1) -> Outcome:
    """The outcome of an attempt that failed."""
    failure = Failure(class_=class_, stage="out", exception="ValueError", message="no")
    done = [*stages("Succeeded", "Failed")]
    return Outcome(exit_code=exit_code, elapsed_seconds=1.5, failure=failure, stages=done)


def pending(status: PipelineRunStatus | None = None) -> PipelineRunStatus:
    """A run that waits for a place."""
    return build.in_phase(
        status or PipelineRunStatus(),
        "Pending",
        reasons.WAITING_FOR_PLACE,
        "Waiting",
        generation=1,
        now=NOW,
    )


def starting(status: PipelineRunStatus | None = None) -> PipelineRunStatus:
    """A run whose next attempt was just handed out."""
    return build.attempt_started(
        status or PipelineRunStatus(), STAGES, WORKER, generation=1, now=NOW
    )


def running(status: PipelineRunStatus | None = None) -> PipelineRunStatus:
    """A run whose next attempt runs."""
    done = Sighting(1, "Running", stages=stages("Running", "Pending"))
    return build.attempt_running(starting(status), done, generation=1, now=NOW)


def backing_off(
    outcome: Outcome | None = None, status: PipelineRunStatus | None = None
) -> PipelineRunStatus:
    """A run whose last attempt failed and that is to be tried again."""
    outcome = outcome or failed()
    budget = budget_for(outcome)
    ended = build.attempt_ended(running(status), outcome, now=NOW, budget=budget)
    until = NOW + timedelta(seconds=10)
    return build.backing_off(ended, until, "again soon", generation=1, now=NOW)


def suspended(status: PipelineRunStatus | None = None) -> PipelineRunStatus:
    """A run that is held."""
    return build.suspended(status or PipelineRunStatus(), generation=1, now=NOW)


def stopping(cause: StopCause, status: PipelineRunStatus | None = None) -> PipelineRunStatus:
    """A run whose attempt was told to end."""
    return build.stopping(
        status or running(),
        cause,
        f"because of {cause}",
        failure=Failure(class_="Config", message="no image")
        if cause == "ImagePullFailed"
        else None,
        reason=REASONS[cause],
        explanation="it ends",
        generation=1,
        now=NOW,
    )


def finished(outcome: Outcome, phase: Phase | None = None) -> PipelineRunStatus:
    """A run that is over."""
    ended = build.attempt_ended(running(), outcome, now=NOW, budget=budget_for(outcome))
    return build.finished(ended, outcome, generation=1, now=NOW, phase=phase)


SIGHTINGS: dict[str, Sighting | None] = {
    "nothing": None,
    "starting": Sighting(1, "Starting"),
    "hopeless": Sighting(
        1, "Starting", failed("Config", 125), reason=reasons.IMAGE_PULL_FAILED, message="no image"
    ),
    "running": Sighting(1, "Running", stages=stages("Succeeded", "Running")),
    "success": Sighting(1, "Ended", outcome=success()),
    "user failure": Sighting(1, "Ended", outcome=failed()),
    "config failure": Sighting(1, "Ended", outcome=failed("Config", 2)),
    "stopped": Sighting(1, "Ended", outcome=failed("Cancelled", 143)),
    "infrastructure failure": Sighting(1, "Ended", outcome=failed("Infrastructure", 137)),
    "an end without an outcome": Sighting(1, "Ended"),
    "lost": Sighting(1, "Lost", message="its node is gone"),
}
"""All that a realiser can see of an attempt."""
