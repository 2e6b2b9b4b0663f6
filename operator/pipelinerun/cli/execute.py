"""Executing a job from the command line: to its end, or to Ctrl-C."""

import atexit
import os
import signal
import sys
import time
from contextlib import ExitStack, suppress

from rich.console import Console

from pipelinerun.api.exit_codes import SIGNAL_BASE
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.status import Outcome, StageStatus
from pipelinerun.cli.interrupts import Interrupted, interruptible
from pipelinerun.cli.output import own_console, routed
from pipelinerun.cli.progress import reporter_for
from pipelinerun.execution.factory import create_strategy
from pipelinerun.execution.handle import ExecutionHandle
from pipelinerun.execution.lifecycle import PipelineLifecycleManager
from pipelinerun.execution.options import ExecutionOptions, ProgressListener
from pipelinerun.execution.outcomes import interrupted
from pipelinerun.execution.result import PipelineFailedError

_STOPPING = "Stopping; press Ctrl-C again to end at once."


def execute(job: PipelineJob, *, in_subprocess: bool, stdout_is_ours: bool) -> Outcome:
    """Run a job with live progress on the standard error.

    Args:
        job: what to run.
        in_subprocess: in a supervised child process, or in this process.
        stdout_is_ours: nothing of the pipeline may get to the standard output: what it writes
            there goes to the standard error.
    """
    with ExitStack() as stack:
        console = stack.enter_context(own_console())
        reporter = stack.enter_context(reporter_for(console))
        stdout = reporter.stream(sys.stderr if stdout_is_ours else sys.stdout)
        stack.enter_context(routed(sys.stdout, stdout))
        stack.enter_context(routed(sys.stderr, reporter.stream(sys.stderr)))
        return _until_end(job, in_subprocess, reporter.update, console)


def _until_end(
    job: PipelineJob, in_subprocess: bool, on_progress: ProgressListener, console: Console
) -> Outcome:
    stages: list[StageStatus] = []

    def note(current: list[StageStatus]) -> None:
        stages[:] = current
        on_progress(current)

    def tell(signum: int) -> None:
        if signum == signal.SIGINT:
            console.print(_STOPPING)

    options = ExecutionOptions(block=False, stdout=sys.stdout, stderr=sys.stderr, on_progress=note)
    manager = PipelineLifecycleManager(create_strategy(in_subprocess))
    handle: ExecutionHandle | None = None
    started = time.monotonic()
    with interruptible(tell):
        try:
            handle = manager.start(job, options).interface
            outcome = handle.wait() if handle is not None else None
            assert outcome is not None  # waited without a timeout
        except PipelineFailedError as error:
            return error.outcome
        except Interrupted as interruption:
            signum = interruption.signum
            with suppress(Interrupted):
                manager.stop()
        else:
            return outcome
    code = SIGNAL_BASE + signum
    outcome = handle.outcome if handle is not None else None
    if outcome is None:
        _leave_at_once(code)
        elapsed = time.monotonic() - started
        outcome = Outcome(exit_code=code, elapsed_seconds=elapsed, stages=stages)
    times = {"elapsed_seconds": outcome.elapsed_seconds}
    return interrupted(outcome, signum).model_copy(update=times)


def _leave_at_once(code: int) -> None:
    """End this process without waiting for a pipeline in it, whose thread cannot be killed.

    The guardian of its workspace removes what the pipeline has started.
    """

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)

    atexit.register(leave)  # the last one registered is the first one called
