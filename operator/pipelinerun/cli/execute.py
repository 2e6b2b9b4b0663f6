"""Executing a job from the command line: to its end, or to Ctrl-C."""

import atexit
import os
import signal
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from rich.console import Console

from pipelinerun.api.exit_codes import SIGNAL_BASE, ExitCode
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.status import Failure, Outcome, StageStatus, Verdict
from pipelinerun.cli.interrupts import Interrupted, interruptible
from pipelinerun.cli.output import own_console, routed
from pipelinerun.cli.progress import reporter_for
from pipelinerun.execution.factory import strategy_for
from pipelinerun.execution.handle import ExecutionHandle
from pipelinerun.execution.lifecycle import PipelineLifecycleManager
from pipelinerun.execution.options import ExecutionOptions, ProgressListener
from pipelinerun.execution.outcomes import interrupted
from pipelinerun.execution.result import PipelineFailedError

_STOPPING = "Stopping; press Ctrl-C again to end at once."


@dataclass(frozen=True)
class How:
    """How to run jobs.

    Attributes:
        in_subprocess: in a supervised child process, or in this process.
        stdout_is_ours: nothing of the pipeline may get to the standard output: what it writes
            there goes to the standard error.
    """

    in_subprocess: bool
    stdout_is_ours: bool


def execute(job: PipelineJob, how: How) -> Outcome:
    """Run a job with live progress on the standard error."""
    return _execute(job, how, _Limits())


def execute_finally(job: PipelineJob, verdict: Verdict, how: How, *, seconds: int) -> Outcome:
    """Run the finally stages of a job that has ended, for at most some seconds."""
    last = job.model_copy(update={"verdict": verdict})
    return _execute(last, how, _Limits(seconds, verdict.exit_code))


@dataclass(frozen=True)
class _Limits:
    """Of one execution.

    Attributes:
        seconds: that it may take.
        leave_with: exit code of this process if nothing else can end it; by default the signal's.
    """

    seconds: int | None = None
    leave_with: int | None = None


def _execute(job: PipelineJob, how: How, limits: _Limits) -> Outcome:
    with ExitStack() as stack:
        console = stack.enter_context(own_console())
        reporter = stack.enter_context(reporter_for(console, finishing=job.verdict is not None))
        stdout = reporter.stream(sys.stderr if how.stdout_is_ours else sys.stdout)
        stack.enter_context(routed(sys.stdout, stdout))
        stack.enter_context(routed(sys.stderr, reporter.stream(sys.stderr)))
        return _until_end(job, how, limits, reporter.update, console)


def _until_end(
    job: PipelineJob, how: How, limits: _Limits, on_progress: ProgressListener, console: Console
) -> Outcome:
    stages: list[StageStatus] = []

    def note(current: list[StageStatus]) -> None:
        stages[:] = current
        on_progress(current)

    def tell(signum: int) -> None:
        if signum == signal.SIGINT:
            console.print(_STOPPING)

    options = ExecutionOptions(block=False, stdout=sys.stdout, stderr=sys.stderr, on_progress=note)
    manager = PipelineLifecycleManager(strategy_for(job, how.in_subprocess))
    handle: ExecutionHandle | None = None
    signum: int | None = None
    started = time.monotonic()
    with interruptible(tell):
        try:
            handle = manager.start(job, options).interface
            assert handle is not None  # not blocking
            outcome = handle.wait(limits.seconds)
            if outcome is not None:
                return outcome
            manager.stop()
        except PipelineFailedError as error:
            return error.outcome
        except Interrupted as interruption:
            signum = interruption.signum
            with suppress(Interrupted):
                manager.stop()
    code = ExitCode.DEADLINE if signum is None else SIGNAL_BASE + signum
    outcome = handle.outcome if handle is not None else None
    if outcome is None:
        _leave_at_once(code if limits.leave_with is None else limits.leave_with)
        elapsed = time.monotonic() - started
        outcome = Outcome(exit_code=code, elapsed_seconds=elapsed, stages=stages)
    times = {"elapsed_seconds": outcome.elapsed_seconds}
    if signum is not None:
        return interrupted(outcome, signum).model_copy(update=times)
    return _late(outcome, limits)


def _late(outcome: Outcome, limits: _Limits) -> Outcome:
    if outcome.exit_code == ExitCode.SUCCESS:
        return outcome
    message = f"finallyDeadlineSeconds: the finally stages took longer than {limits.seconds} s"
    failure = Failure(class_="Timeout", message=message)
    return outcome.model_copy(update={"exit_code": ExitCode.DEADLINE, "failure": failure})


def _leave_at_once(code: int) -> None:
    """End this process without waiting for a pipeline in it, whose thread cannot be killed.

    The guardian of its workspace removes what the pipeline has started.
    """

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)

    atexit.register(leave)  # the last one registered is the first one called
