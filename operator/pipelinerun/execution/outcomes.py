"""Outcomes of pipelines that could not tell their own. Pure."""

import signal
import sys
import traceback

from pipelinerun.api.exit_codes import SIGNAL_BASE, ExitCode, from_wait_status, signal_of
from pipelinerun.api.limits import MESSAGE_LIMIT, TAIL_LIMIT
from pipelinerun.api.status import Failure, FailureClass, Outcome
from pipelinerun.api.violations import InvalidDefinitionError
from pipelinerun.engine.secrets import hidden

_NAME_LIMIT = 256
_CRASHES = frozenset(
    {
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGSEGV,
        signal.SIGSYS,
        signal.SIGTRAP,
    }
)
_RAY_GONE = 1
"""How Ray ends a process, without a word to Python, that it runs in but that lost its raylet or
control service. An exception never ends a child like this: it is told as an outcome."""
_REQUESTS = frozenset({signal.SIGINT, signal.SIGTERM})


def cannot_start(reason: str, error: BaseException | None = None) -> Outcome:
    """The pipeline's runtime did not come up: nothing of the user's has run."""
    return _failed(ExitCode.CANNOT_START, "Infrastructure", reason, error=error)


def invalid_definition(error: InvalidDefinitionError) -> Outcome:
    """The definition breaks rules."""
    return _failed(ExitCode.INVALID_DEFINITION, "Config", str(error), error=error)


def of_exception(error: BaseException) -> Outcome:
    """Something escaped from the pipeline; ``sys.exit`` means here what it means in a script."""
    if not isinstance(error, SystemExit):
        kind: FailureClass = "OutOfMemory" if isinstance(error, MemoryError) else "User"
        return _failed(ExitCode.PIPELINE_ERROR, kind, str(error), error=error)
    code = exit_code_of(error)
    if code == ExitCode.SUCCESS:
        return Outcome(exit_code=code)
    return _failed(code, "User", f"the pipeline called sys.exit({error.code!r})", error=error)


def exit_code_of(error: SystemExit) -> int:
    """The exit code of a process that ends with ``error``: 0 to 255.

    A code that is no number is a message, as in a script, and counts as 1.
    """
    match error.code:
        case None:
            return ExitCode.SUCCESS
        case int() as number:
            return number & 0xFF
        case message:
            print(message, file=sys.stderr)  # noqa: T201 - what the interpreter does itself
            return ExitCode.PIPELINE_ERROR


def of_wait_status(
    returncode: int, *, ready: bool, stopped: bool = False, out_of_memory: bool = False
) -> Outcome:
    """A child process ended without telling its outcome.

    An end by a crash or ``os._exit`` is the pipeline's own doing (User). SIGKILL is OutOfMemory
    with evidence only: without, somebody outside killed the process (Infrastructure). SIGINT and
    SIGTERM, or their exit codes, ask for an end (Cancelled). Status 1 is what Ray leaves when it
    dies under the pipeline: OutOfMemory with evidence, else Infrastructure. Status 0 is a failure
    as well, for the pipeline did not get to its end.

    Args:
        returncode: as ``Popen.returncode``.
        ready: whether the child had got as far as running the pipeline.
        stopped: whether the end was asked for.
        out_of_memory: whether the kernel killed a process for memory meanwhile.
    """
    code = from_wait_status(returncode)
    number = signal_of(code)
    if stopped:
        # Whatever else it was: SIGTERM to its group makes Ray die under the pipeline.
        code = SIGNAL_BASE + (signal.SIGKILL if returncode == -signal.SIGKILL else signal.SIGTERM)
        return _failed(code, "Cancelled", "the pipeline was stopped")
    if number is not None and (returncode < 0 or number in _REQUESTS):
        message = f"the pipeline's process was killed by {_signal_name(number)}"
        return _failed(code, _class_of_signal(number, out_of_memory=out_of_memory), message)
    if not ready:
        return cannot_start(f"the child process ended with {returncode} before it could start")
    message = f"the pipeline's process ended with {returncode} in the middle of the run"
    if returncode == _RAY_GONE:
        return _failed(returncode, "OutOfMemory" if out_of_memory else "Infrastructure", message)
    return _failed(returncode or ExitCode.PIPELINE_ERROR, "User", message)


def interrupted(outcome: Outcome, signum: int) -> Outcome:
    """What an outcome becomes when a signal had asked for the end; a success stays one."""
    if outcome.exit_code == ExitCode.SUCCESS:
        return outcome
    message = f"the pipeline was stopped by {_signal_name(signum)}"
    cancelled = _failed(SIGNAL_BASE + signum, "Cancelled", message)
    return cancelled.model_copy(update={"stages": outcome.stages})


def _class_of_signal(number: int, *, out_of_memory: bool) -> FailureClass:
    if number in _REQUESTS:
        return "Cancelled"
    if number in _CRASHES:
        return "User"
    return "OutOfMemory" if number == signal.SIGKILL and out_of_memory else "Infrastructure"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals but the first and the last have no name
        return f"signal {number}"


def _failed(
    code: int, kind: FailureClass, message: str, *, error: BaseException | None = None
) -> Outcome:
    failure = Failure(
        class_=kind,
        exception=type(error).__name__[:_NAME_LIMIT] if error else None,
        message=hidden(message)[:MESSAGE_LIMIT],
        signal=signal_of(code),
        tail=hidden("".join(traceback.format_exception(error)))[-TAIL_LIMIT:] if error else None,
    )
    return Outcome(exit_code=code, failure=failure)
