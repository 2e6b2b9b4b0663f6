"""Runs one job in a supervised child process, tells how it fares, and ends with its exit code.

What takes long to load is loaded when the child is on its way: the first row waits for that.
"""

import os
import signal
import sys
import threading
from contextlib import nullcontext, suppress
from types import FrameType
from typing import TYPE_CHECKING

from pipelinerun.api.envelope import opened
from pipelinerun.execution import zombies
from pipelinerun.execution.handle import ExecutionHandle
from pipelinerun.execution.in_subprocess import SubprocessHandle
from pipelinerun.execution.options import ExecutionOptions
from pipelinerun.execution.result import PipelineFailedError
from pipelinerun.worker.board import Board
from pipelinerun.worker.output import marked_output
from pipelinerun.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from pipelinerun.api.status import Outcome

_REAP_SECONDS = 1.0


def run_worker(settings: WorkerSettings) -> int:
    """Run the job to its end; returns the exit code for the process."""
    stopping = threading.Event()
    _on_sigterm(stopping)
    board = Board()
    outcome = _outcome(settings, board, stopping)
    board.end(outcome)
    _last_words(settings, outcome)
    return outcome.exit_code


def _outcome(settings: WorkerSettings, board: Board, stopping: threading.Event) -> "Outcome":
    try:
        job = opened(settings.job.read_text())
    except (OSError, ValueError) as error:
        from pipelinerun.execution.outcomes import cannot_start  # noqa: PLC0415 - see above

        return cannot_start(f"the job could not be read: {error}", error)
    with marked_output(job) if settings.mark_stages else nullcontext() as output:
        try:
            handle = _start(job, settings, board)
        except PipelineFailedError as error:
            return error.outcome
        _stop_when_told(handle, stopping)
        _serve(settings, job, board, handle)
        outcome = handle.wait()
        assert outcome is not None  # waited without a timeout
        failure = outcome.failure
        return outcome.with_tail(output.tail(failure.stage)) if output and failure else outcome


def _start(job: str, settings: WorkerSettings, board: Board) -> ExecutionHandle:
    options = ExecutionOptions(
        block=False,
        stdout=sys.stdout,
        stderr=sys.stderr,
        on_progress=board.update,
        grace=settings.grace,
    )
    zombies.reap_for_ever(_REAP_SECONDS)
    handle = _on_cluster(job, options) or SubprocessHandle(job, options)
    handle.start()
    return handle


def _on_cluster(job: str, options: ExecutionOptions) -> ExecutionHandle | None:
    """The handle of a job for a cluster; None if it is for this pod, or none at all."""
    if '"address"' not in job:  # it takes time to find out for certain
        return None
    from pipelinerun.api.job import PipelineJob  # noqa: PLC0415 - see above
    from pipelinerun.execution.on_cluster import (  # noqa: PLC0415 - loads Ray
        ClusterHandle,
        cluster_of,
        token_of,
    )

    try:
        parsed = PipelineJob.model_validate_json(job)
    except ValueError:
        return None  # the child tells what is wrong with it
    cluster = cluster_of(parsed, token=token_of(os.environ))
    return None if cluster is None else ClusterHandle(parsed, options, cluster)


def _serve(settings: WorkerSettings, job: str, board: Board, handle: ExecutionHandle) -> None:
    """Tell progress and hear orders."""
    from pipelinerun.api.job import PipelineJob  # noqa: PLC0415 - see above
    from pipelinerun.worker.server import serve  # noqa: PLC0415 - see above

    try:
        run = PipelineJob.model_validate_json(job).run
    except ValueError:
        return  # the child tells what is wrong with it
    try:
        serve(settings.port, run, board, handle.drain)
    except OSError as error:
        sys.stderr.write(f"Progress and metrics are not served: {error}\n")


def _on_sigterm(stopping: threading.Event) -> None:
    def handle(_signum: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


def _stop_when_told(handle: ExecutionHandle, stopping: threading.Event) -> None:
    def work() -> None:
        stopping.wait()
        handle.stop()

    threading.Thread(target=work, name="stop", daemon=True).start()


def _last_words(settings: WorkerSettings, outcome: "Outcome") -> None:
    if settings.termination_message is None:
        return
    from pipelinerun.api.termination import encode  # noqa: PLC0415 - see above

    with suppress(OSError):  # a full disk: the exit code is still told
        descriptor = os.open(settings.termination_message, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        with os.fdopen(descriptor, "w") as file:
            file.write(encode(outcome))
