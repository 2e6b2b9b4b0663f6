"""What an execution returns."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelinerun.api.exit_codes import ExitCode
from pipelinerun.execution.handle import ExecutionHandle

if TYPE_CHECKING:  # a worker starts its child before it loads more
    from pipelinerun.api.status import Outcome


class PipelineFailedError(RuntimeError):
    """The pipeline ended with an exit code other than 0.

    Attributes:
        outcome: how it ended.
    """

    def __init__(self, outcome: "Outcome") -> None:
        reason = outcome.failure.message if outcome.failure else ""
        message = f"Pipeline failed with exit code {outcome.exit_code}"
        super().__init__(f"{message}: {reason}" if reason else message)
        self.outcome = outcome


@dataclass(frozen=True)
class ExecutionResult:
    """The result of ``execute``.

    Attributes:
        interface: handle of the running pipeline; None after a blocking execution.
        elapsed_time: seconds that the pipeline ran; None while it runs.
        outcome: how it ended; None while it runs.
    """

    interface: ExecutionHandle | None = None
    elapsed_time: float | None = None
    outcome: "Outcome | None" = None

    @classmethod
    def of(cls, outcome: "Outcome") -> "ExecutionResult":
        """The result of a pipeline that has ended.

        Raises:
            PipelineFailedError: its exit code is not 0.
        """
        if outcome.exit_code != ExitCode.SUCCESS:
            raise PipelineFailedError(outcome)
        return cls(elapsed_time=outcome.elapsed_seconds, outcome=outcome)

    def get_return_value(self) -> float | ExecutionHandle:
        """The elapsed time when there is one, else the handle.

        Raises:
            RuntimeError: there is neither.
        """
        if self.elapsed_time is not None:
            return self.elapsed_time
        if self.interface is not None:
            return self.interface
        raise RuntimeError("The execution has neither an elapsed time nor a handle")
