"""Options of an execution."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from pipelinerun.execution.process_groups import HANDLE_GRACE

if TYPE_CHECKING:  # a child process starts Ray before it loads more
    from pipelinerun.api.status import StageStatus

ProgressListener = Callable[[list["StageStatus"]], None]
Stream = IO[Any]


@dataclass(frozen=True)
class ExecutionOptions:
    """How to execute a pipeline.

    Attributes:
        block: wait for the end; otherwise a handle is returned while the pipeline runs.
        stdout: where the standard output of a child process goes, file descriptor 1 included;
            None is the null device. A pipeline in this process shares this process's own.
        stderr: the same for the standard error.
        on_progress: called now and then with the state of all stages, in a thread of its own
            choosing. It must return soon: a pipeline waits for a listener that falls far behind.
        grace: seconds that a pipeline which is told to stop gets to end by itself.
    """

    block: bool = True
    stdout: Stream | None = None
    stderr: Stream | None = None
    on_progress: ProgressListener | None = None
    grace: float = HANDLE_GRACE
