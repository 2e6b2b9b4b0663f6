"""The interface of all execution strategies."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from pipelinerun.execution.options import ExecutionOptions
from pipelinerun.execution.result import ExecutionResult

if TYPE_CHECKING:  # a worker starts its child before it loads more
    from pipelinerun.api.job import PipelineJob

DEFAULT_OPTIONS = ExecutionOptions()


class ProcessExecutionStrategy(ABC):
    """Decides in which process a pipeline runs."""

    @abstractmethod
    def execute(
        self, config: "PipelineJob", options: ExecutionOptions = DEFAULT_OPTIONS
    ) -> ExecutionResult:
        """Run a pipeline.

        Raises:
            PipelineFailedError: it could not be started or, when blocking, ended with an exit code
                other than 0.
        """
