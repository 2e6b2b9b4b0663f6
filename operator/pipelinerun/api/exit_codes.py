"""The exit-code convention, the same for the command line, the child process and status."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

SIGNAL_BASE = 128
"""A process killed by signal N counts as exit code 128 + N."""
KILLED, TERMINATED = SIGNAL_BASE + 9, SIGNAL_BASE + 15


class ExitCode(IntEnum):
    """Codes with a meaning of their own. Every other one is the pipeline's own ``sys.exit(n)``."""

    SUCCESS = 0
    PIPELINE_ERROR = 1
    INVALID_DEFINITION = 2
    DEADLINE = 124
    CANNOT_START = 125


MEANINGS: Final[Mapping[int, str]] = {
    ExitCode.SUCCESS: "The pipeline succeeded.",
    ExitCode.PIPELINE_ERROR: "A stage raised an exception.",
    ExitCode.INVALID_DEFINITION: "The definition is invalid, or the run is not allowed.",
    ExitCode.DEADLINE: "A deadline passed.",
    ExitCode.CANNOT_START: "The pipeline could not be started: no image, or no process.",
    KILLED: "The pipeline was killed: out of memory, or from outside.",
    TERMINATED: "The pipeline was told to end: cancelled.",
}
"""What the codes mean that do not come from the pipeline itself."""


def from_wait_status(returncode: int) -> int:
    """Translate a ``Popen.returncode``, where -N means killed by signal N."""
    return returncode if returncode >= 0 else SIGNAL_BASE - returncode


def signal_of(exit_code: int) -> int | None:
    """The signal number that an exit code stands for, if it does."""
    number = exit_code - SIGNAL_BASE
    return number if 0 < number <= 64 else None  # noqa: PLR2004 - the last real-time signal
