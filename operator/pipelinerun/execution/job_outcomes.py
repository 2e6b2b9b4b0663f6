"""Outcomes of pipelines on a cluster that could not tell their own. Pure."""

import signal

from pipelinerun.api.exit_codes import KILLED, TERMINATED, ExitCode, signal_of
from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.status import Failure, FailureClass, Outcome
from pipelinerun.engine.job_client import JobState
from pipelinerun.engine.secrets import hidden
from pipelinerun.execution.outcomes import cannot_start, of_wait_status


def of_job(state: JobState, *, ready: bool, stopped: bool) -> Outcome:
    """A job ended without telling its outcome.

    Args:
        state: what the cluster says of it.
        ready: whether its driver had got as far as running the pipeline.
        stopped: whether we have told it to end.
    """
    if stopped or state.status == "STOPPED":
        return of_stop(killed=state.exit_code == -signal.SIGKILL, by_us=stopped)
    if state.exit_code is not None:
        if ready:
            return of_wait_status(state.exit_code, ready=True)
        return cannot_start(f"the job ended with {state.exit_code} before the pipeline began")
    message = " ".join(f"{state.error or state.status}: {state.message}".split())
    if ready:
        return lost(f"the cluster lost the job: {message}")
    return cannot_start(f"the cluster could not start the job: {message}")


def of_stop(*, killed: bool = False, by_us: bool = True) -> Outcome:
    """The job was told to end."""
    message = "the pipeline was stopped" if by_us else "the job was stopped on the cluster"
    return _failed(KILLED if killed else TERMINATED, "Cancelled", message)


def lost(message: str) -> Outcome:
    """The cluster, or what it knew of the job, is gone."""
    return _failed(KILLED, "Infrastructure", message)


def refused(message: str) -> Outcome:
    """The cluster does not take jobs from us."""
    return _failed(ExitCode.CANNOT_START, "Config", message)


def _failed(code: int, kind: FailureClass, message: str) -> Outcome:
    text = hidden(message)[:MESSAGE_LIMIT]
    return Outcome(
        exit_code=code, failure=Failure(class_=kind, message=text, signal=signal_of(code))
    )
