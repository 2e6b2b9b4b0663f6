"""Runs one job in a supervised child process, tells how it fares, and ends with its exit code."""

import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType

from pipelinerun.api.delivery import unpack
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.status import Outcome
from pipelinerun.api.termination import encode
from pipelinerun.execution import zombies
from pipelinerun.execution.handle import ExecutionHandle
from pipelinerun.execution.in_subprocess import SubprocessStrategy
from pipelinerun.execution.options import ExecutionOptions
from pipelinerun.execution.outcomes import cannot_start
from pipelinerun.execution.result import PipelineFailedError
from pipelinerun.worker.board import Board
from pipelinerun.worker.settings import WorkerSettings

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


def _outcome(settings: WorkerSettings, board: Board, stopping: threading.Event) -> Outcome:
    try:
        job = unpack(settings.job.read_text())
    except (OSError, ValueError) as error:
        return cannot_start(f"the job could not be read: {error}", error)
    try:
        handle = _start(job, settings, board)
    except PipelineFailedError as error:
        return error.outcome
    _stop_when_told(handle, stopping)
    _serve(settings, job, board, handle)
    outcome = handle.wait()
    assert outcome is not None  # waited without a timeout
    return outcome


def _start(job: PipelineJob, settings: WorkerSettings, board: Board) -> ExecutionHandle:
    options = ExecutionOptions(
        block=False,
        stdout=sys.stdout,
        stderr=sys.stderr,
        on_progress=board.update,
        grace=settings.grace,
    )
    zombies.reap_for_ever(_REAP_SECONDS)
    handle = SubprocessStrategy().execute(job, options).interface
    assert handle is not None  # not blocking
    return handle


def _serve(
    settings: WorkerSettings, job: PipelineJob, board: Board, handle: ExecutionHandle
) -> None:
    """Tell progress and hear orders. Loaded late: the pipeline is starting meanwhile."""
    from pipelinerun.worker.server import serve  # noqa: PLC0415

    try:
        serve(settings.port, job.run, board, handle.drain)
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


def _last_words(settings: WorkerSettings, outcome: Outcome) -> None:
    if settings.termination_message is None:
        return
    with suppress(OSError):  # a full disk: the exit code is still told
        descriptor = os.open(settings.termination_message, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        with os.fdopen(descriptor, "w") as file:
            file.write(encode(outcome))
