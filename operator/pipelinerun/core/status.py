"""Building statuses. Every change of a status is one of these functions."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from pipelinerun.api.exit_codes import ExitCode
from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.status import (
    MAX_ATTEMPTS_KEPT,
    AttemptStatus,
    Failure,
    FailureClass,
    FinallyStageStatus,
    FinallyStatus,
    Outcome,
    Phase,
    PipelineRunStatus,
    StageStatus,
    StopCause,
    Stopping,
    Verdict,
    Worker,
)
from pipelinerun.core import reasons
from pipelinerun.core.conditions import conditions_for
from pipelinerun.core.observed import Sighting
from pipelinerun.core.retry import Budget
from pipelinerun.core.timestamps import format_time

AnyStage = TypeVar("AnyStage", StageStatus, FinallyStageStatus)

HELD = "The run waits until spec.suspend is false"
_REASON_OF_CLASS: dict[FailureClass, str] = {
    "User": reasons.PIPELINE_FAILED,
    "Config": reasons.INVALID_DEFINITION,
    "OutOfMemory": reasons.OUT_OF_MEMORY,
    "Timeout": reasons.DEADLINE_EXCEEDED,
    "Infrastructure": reasons.INFRASTRUCTURE_FAILED,
    "Cancelled": reasons.CANCELLED,
}


def in_phase(
    status: PipelineRunStatus,
    phase: Phase,
    reason: str,
    message: str,
    *,
    generation: int | None,
    now: datetime,
) -> PipelineRunStatus:
    """The status moved to a phase."""
    conditions = conditions_for(
        phase, reason, message, previous=status.conditions, generation=generation, now=now
    )
    changes = {"phase": phase, "observed_generation": generation, "conditions": conditions}
    return status.model_copy(update=changes)


def attempt_started(
    status: PipelineRunStatus,
    stage_names: Sequence[str],
    worker: Worker | None,
    *,
    generation: int | None,
    now: datetime,
) -> PipelineRunStatus:
    """The status with the intent to start the next attempt; written before the attempt starts."""
    number = (status.attempt or 0) + 1
    attempt = AttemptStatus(number=number, start_time=format_time(now), worker=worker)
    kept = {stage.name: stage.checkpointed for stage in status.stages}
    changed = status.model_copy(
        update={
            "attempt": number,
            "attempts": [*status.attempts, attempt][-MAX_ATTEMPTS_KEPT:],
            "start_time": status.start_time or format_time(now),
            "exit_code": None,
            "elapsed_seconds": None,
            "failure": None,
            "worker": worker,
            "stages": [StageStatus(name=it, checkpointed=kept.get(it)) for it in stage_names],
            "progress": f"0/{len(stage_names)}",
        }
    )
    reason, message = reasons.ATTEMPT_STARTING, f"Attempt {number} is starting"
    if worker is not None and worker.ray_cluster is not None:
        # At once: to tell it when it is seen would be a write of its own.
        reason, message = reasons.WAITING_FOR_CLUSTER, cluster_awaited(worker.ray_cluster)
    return in_phase(changed, "Starting", reason, message, generation=generation, now=now)


def cluster_awaited(name: str) -> str:
    """What an attempt waits for whose RayCluster is coming up."""
    return f"RayCluster {name} is coming up: not all its pods are ready"


def attempt_running(
    status: PipelineRunStatus,
    sighting: Sighting,
    *,
    generation: int | None,
    now: datetime,
) -> PipelineRunStatus:
    """The status of an attempt that runs, with how far its stages are."""
    message = f"Attempt {status.attempt} is running"
    changed = seen(status, sighting).model_copy(update={"next_attempt_time": None})
    return in_phase(
        changed, "Running", reasons.ATTEMPT_RUNNING, message, generation=generation, now=now
    )


def seen(status: PipelineRunStatus, sighting: Sighting) -> PipelineRunStatus:
    """The status with where its attempt runs and how far its stages are."""
    return _with_worker(_with_stages(status, sighting.stages), sighting.worker)


def stopping(
    status: PipelineRunStatus,
    cause: StopCause,
    message: str,
    *,
    failure: Failure | None = None,
    reason: str,
    explanation: str,
    generation: int | None,
    now: datetime,
) -> PipelineRunStatus:
    """The status with the intent to end its attempt; written before the attempt is told."""
    recorded = Stopping(
        cause=cause, time=format_time(now), message=message[:MESSAGE_LIMIT], failure=failure
    )
    changed = status.model_copy(update={"stopping": recorded})
    return in_phase(changed, "Stopping", reason, explanation, generation=generation, now=now)


def backing_off(
    status: PipelineRunStatus,
    until: datetime,
    message: str,
    *,
    generation: int | None,
    now: datetime,
) -> PipelineRunStatus:
    """The status of a run whose next attempt has to wait."""
    changed = status.model_copy(update={"next_attempt_time": format_time(until)})
    return in_phase(
        changed, "Pending", reasons.BACKING_OFF, message, generation=generation, now=now
    )


def suspended(
    status: PipelineRunStatus, *, generation: int | None, now: datetime
) -> PipelineRunStatus:
    """The status of a run that is held. It starts anew, so that what has passed does not count."""
    changed = status.model_copy(update={"start_time": None, "next_attempt_time": None})
    return in_phase(changed, "Suspended", reasons.SUSPENDED, HELD, generation=generation, now=now)


def attempt_ended(
    status: PipelineRunStatus,
    outcome: Outcome,
    *,
    now: datetime,
    reason: str = "",
    worker: Worker | None = None,
    budget: Budget | None = None,
) -> PipelineRunStatus:
    """The status with the outcome of its attempt recorded; the phase is yet to be decided.

    ``budget`` is what the attempt counts against, if anything.
    """
    status = _with_worker(status, worker)
    attempts = [*status.attempts]
    if attempts:
        attempts[-1] = attempts[-1].model_copy(
            update={
                "reason": reason or reason_of(outcome),
                "exit_code": outcome.exit_code,
                "elapsed_seconds": round(outcome.elapsed_seconds, 3),
                "failure_class": outcome.failure.class_ if outcome.failure else None,
                "completion_time": format_time(now),
                "commit": outcome.commit,
            }
        )
    changes = {"attempts": attempts, "stopping": None} | _counted(status, budget)
    stages = outcome.stages or (halted(status.stages) if outcome.failure else status.stages)
    return _with_stages(status.model_copy(update=changes), stages)


def finished(
    status: PipelineRunStatus,
    outcome: Outcome,
    *,
    generation: int | None,
    now: datetime,
    phase: Phase | None = None,
    reason: str = "",
    message: str = "",
) -> PipelineRunStatus:
    """The last status of a run; phase, reason and message follow from its outcome if not given."""
    end = verdict(status, outcome, phase=phase, reason=reason, message=message)
    return concluded(status, end, generation=generation, now=now)


def verdict(
    status: PipelineRunStatus,
    outcome: Outcome,
    *,
    phase: Phase | None = None,
    reason: str = "",
    message: str = "",
) -> Verdict:
    """How a run ends; phase, reason and message follow from its outcome if not given."""
    return Verdict(
        phase=phase or ("Succeeded" if outcome.exit_code == ExitCode.SUCCESS else "Failed"),
        reason=reason or reason_of(outcome),
        message=(message or summary(outcome))[:MESSAGE_LIMIT],
        exit_code=outcome.exit_code,
        elapsed_seconds=round(outcome.elapsed_seconds, 3),
        failure=outcome.failure,
        attempt=status.attempt or 0,
    )


def concluded(
    status: PipelineRunStatus, end: Verdict, *, generation: int | None, now: datetime
) -> PipelineRunStatus:
    """The last status of a run."""
    changed = status.model_copy(
        update={
            "exit_code": end.exit_code,
            "elapsed_seconds": end.elapsed_seconds,
            "failure": end.failure,
            "completion_time": format_time(now),
            "next_attempt_time": None,
            "verdict": None,
        }
    )
    message = end.message
    last = status.finally_.failure if status.finally_ else None
    if last is not None:
        message = f"{message[: MESSAGE_LIMIT // 2]}; finally stages failed: {_where(last)}"
    return in_phase(changed, end.phase, end.reason, message, generation=generation, now=now)


def finishing(
    status: PipelineRunStatus,
    end: Verdict,
    last: FinallyStatus,
    *,
    reason: str = reasons.FINISHING,
    message: str = "",
    generation: int | None,
    now: datetime,
) -> PipelineRunStatus:
    """The status of a run that has ended but for its finally stages."""
    changed = status.model_copy(
        update={"verdict": end, "finally_": last, "next_attempt_time": None}
    )
    told = message or f"{end.message[: MESSAGE_LIMIT // 2]}; the finally stages run"
    return in_phase(changed, "Finishing", reason, told, generation=generation, now=now)


def finally_seen(
    last: FinallyStatus, stages: Sequence[StageStatus], worker: Worker | None = None
) -> FinallyStatus:
    """The finally stages with where they run and how each of them fares."""
    shown = [FinallyStageStatus(name=it.name, state=it.state, seconds=it.seconds) for it in stages]
    changes = {"stages": shown or last.stages, "worker": worker or last.worker}
    return last.model_copy(update=changes)


def finally_ended(last: FinallyStatus, outcome: Outcome, *, now: datetime) -> FinallyStatus:
    """The finally stages with their outcome recorded."""
    last = finally_seen(last, outcome.stages)
    changes = {
        "state": "Failed" if outcome.failure else "Succeeded",
        "exit_code": outcome.exit_code,
        "elapsed_seconds": round(outcome.elapsed_seconds, 3),
        "completion_time": format_time(now),
        "stages": halted(last.stages),
        "failure": outcome.failure,
    }
    return last.model_copy(update=changes)


def reason_of(outcome: Outcome) -> str:
    """How an attempt ended, in one word."""
    return _REASON_OF_CLASS[outcome.failure.class_] if outcome.failure else reasons.COMPLETED


def summary(outcome: Outcome) -> str:
    """How an attempt ended, in one line for people."""
    if outcome.failure is None:
        return f"Pipeline succeeded in {outcome.elapsed_seconds:.1f} s"
    return f"{_where(outcome.failure)} (exit code {outcome.exit_code})"


def place(worker: Worker | None) -> str:
    """Where an attempt runs, as the end of a sentence."""
    if worker is None:
        return ""
    return f" in pod {worker.pod}" if worker.pod else f" in operator {worker.operator}"


def _counted(status: PipelineRunStatus, budget: Budget | None) -> dict[str, int]:
    match budget:
        case "user":
            return {"user_failures": (status.user_failures or 0) + 1}
        case "infrastructure":
            return {"infrastructure_failures": (status.infrastructure_failures or 0) + 1}
        case "ignored":
            return {"ignored_failures": (status.ignored_failures or 0) + 1}
        case None:
            return {}


def halted(stages: Sequence[AnyStage]) -> list[AnyStage]:
    """Stages when the pipeline has ended under them."""
    return [
        stage.model_copy(update={"state": "Stopped"}) if stage.state == "Running" else stage
        for stage in stages
    ]


def _where(failure: Failure) -> str:
    stage = f"Stage {failure.stage}: " if failure.stage else ""
    exception = f"{failure.exception}: " if failure.exception else ""
    return f"{stage}{exception}{failure.message}"


def _with_worker(status: PipelineRunStatus, worker: Worker | None) -> PipelineRunStatus:
    if worker is None or worker == status.worker:
        return status
    attempts = [*status.attempts]
    if attempts:
        attempts[-1] = attempts[-1].model_copy(update={"worker": worker})
    return status.model_copy(update={"worker": worker, "attempts": attempts})


def _with_stages(status: PipelineRunStatus, stages: Sequence[StageStatus]) -> PipelineRunStatus:
    if not stages:
        return status
    done = sum(stage.state in {"Succeeded", "Skipped"} for stage in stages)
    return status.model_copy(update={"stages": list(stages), "progress": f"{done}/{len(stages)}"})
