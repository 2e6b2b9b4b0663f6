"""The page on exit codes, and on the classes of failures."""

from collections.abc import Iterator
from typing import Final, get_args

from pipelinerun.api.exit_codes import MEANINGS, SIGNAL_BASE
from pipelinerun.api.spec import Retries
from pipelinerun.api.status import FailureClass, PipelineRunStatus
from pipelinerun.core.retry import may_retry
from scripts.markdown import Row, table

_CAUSES: Final[dict[FailureClass, str]] = {
    "User": "The pipeline's own code.",
    "Config": "The manifest, or what the operator allows.",
    "OutOfMemory": "The container's memory limit was reached.",
    "Timeout": "A deadline passed.",
    "Infrastructure": "The cluster, the operator or its Ray took the attempt away.",
    "Cancelled": "Somebody asked for the end.",
}
_INTRODUCTION = """\
The same in `status.exitCode`, in `status.attempts[].exitCode`, from `pipelinerun run` and from a
child process.
"""
_ON_CLASSES = """\
Who has to act is in `status.failure.class`. Rules under `spec.retries` may say otherwise about what
is tried again.
"""


def page() -> str:
    """The page."""
    codes = [(f"`{int(code)}`", meaning) for code, meaning in MEANINGS.items()]
    codes.append((f"`{SIGNAL_BASE} + n`", "The pipeline's process was ended by signal n."))
    codes.append(("any other", "The pipeline's own: a stage called `sys.exit(n)`."))
    return "\n".join(
        [
            "# Exit codes\n",
            _INTRODUCTION,
            table(("Exit code", "Meaning"), codes),
            "## Classes of failures\n",
            _ON_CLASSES,
            table(("Class", "Cause", "Tried again"), class_rows()),
        ]
    )


def class_rows() -> Iterator[Row]:
    """Each class with what follows from it where no rule says otherwise."""
    for name in get_args(FailureClass):
        yield (
            f"`{name}`",
            _CAUSES[name],
            f"within `retries.{limit}`" if (limit := _limit(name)) else "",
        )


def _limit(name: FailureClass) -> str | None:
    """The budget that lets a class be tried again."""
    once = PipelineRunStatus(user_failures=1, infrastructure_failures=1)
    for limit in ("limit", "infrastructureLimit"):
        none = {"limit": 0, "infrastructureLimit": 0}
        retries = Retries.model_validate({**none, limit: 1})
        if may_retry(name, once, retries):
            return limit
    return None
