"""From exceptions to failures."""

import traceback
from collections.abc import Iterator
from pathlib import Path

from pipelinerun.api.exit_codes import KILLED, ExitCode
from pipelinerun.api.limits import MESSAGE_LIMIT, TAIL_LIMIT
from pipelinerun.api.status import Failure, FailureClass
from pipelinerun.engine.secrets import hidden

_NAME_LIMIT = 256
_OWN_FOLDER = str(Path(__file__).parent)


def of_stage(stage: str, error: BaseException) -> tuple[Failure, int]:
    """The failure that an exception of a stage's code stands for, and its exit code.

    ``sys.exit(n)`` ends the pipeline with n; ``sys.exit(0)`` in the middle of the rows is no
    success and counts as 1.
    """
    kind: FailureClass = "OutOfMemory" if isinstance(error, MemoryError) else "User"
    failure = Failure(
        class_=kind,
        stage=stage,
        exception=qualified_name(error),
        message=hidden(_text(error))[:MESSAGE_LIMIT],
        tail=tail(error),
    )
    return failure, _exit_code(error)


def of_errors(last: Failure, limit: int) -> tuple[Failure, int]:
    """The failure of a stage that made more errors than it may, of which one was the last."""
    message = f"more than maxErrors ({limit}) calls failed, the last with: {last.message}"
    return last.model_copy(update={"message": message[:MESSAGE_LIMIT]}), ExitCode.PIPELINE_ERROR


def of_crash(stage: str | None, how_often: int) -> tuple[Failure, int]:
    """The failure of a stage whose processes end in the middle of a call, again and again."""
    message = f"the stage's process ended in the middle of a call, {how_often} times"
    return Failure(class_="User", stage=stage, message=message), ExitCode.PIPELINE_ERROR


def of_torn(stage: str) -> tuple[Failure, int]:
    """The failure of a stage of a stream whose process died when some of its rows had gone on."""
    message = (
        "the stage's process died after rows of it had gone on; in a stream Ray cannot do the rest"
        " of its work again, another attempt can"
    )
    return Failure(class_="Infrastructure", stage=stage, message=message), KILLED


def of_memory(stage: str | None, reason: str) -> tuple[Failure, int]:
    """The failure of a stage whose processes Ray or the kernel killed because memory ran out."""
    message = " ".join(reason.split())[:MESSAGE_LIMIT]
    failure = Failure(class_="OutOfMemory", stage=stage, message=message, signal=9)
    return failure, KILLED


def of_engine(stage: str | None, error: BaseException) -> tuple[Failure, int]:
    """The failure of something that no stage's code raised: rows that cannot be stored, say."""
    root = root_cause(error)
    failure = Failure(
        class_="User",
        stage=stage,
        exception=qualified_name(root),
        message=hidden(_text(root))[:MESSAGE_LIMIT],
        tail=tail(root),
    )
    return failure, ExitCode.PIPELINE_ERROR


def root_cause(error: BaseException) -> BaseException:
    """The exception at the bottom of what Ray wrapped around it."""
    *_, root = _causes(error)
    return root


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        cause = getattr(current, "cause", None)
        current = cause if isinstance(cause, BaseException) else current.__cause__


def qualified_name(error: BaseException) -> str:
    """Type of an exception, with its module unless it is built in."""
    kind = type(error)
    prefix = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{prefix}{kind.__qualname__}"[:_NAME_LIMIT]


def tail(error: BaseException) -> str:
    """The end of the traceback, from the first frame that is not ours."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
        trace = trace.tb_next
    lines = traceback.format_exception(type(error), error, trace)
    return hidden("".join(lines).rstrip())[-TAIL_LIMIT:]


def _text(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"the stage called sys.exit({error.code!r})"
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the message of somebody else's exception
        return "(its message cannot be shown)"


def _exit_code(error: BaseException) -> int:
    if isinstance(error, MemoryError):
        return KILLED
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return (error.code & 0xFF) or ExitCode.PIPELINE_ERROR
    return ExitCode.PIPELINE_ERROR
