"""The life of a pipeline around its execution: validation, services before it and after it."""

import atexit
import threading
from collections.abc import Sequence
from contextlib import ExitStack

from pipelinerun.api.exit_codes import ExitCode
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.prepare import check
from pipelinerun.api.status import Outcome
from pipelinerun.api.violations import InvalidDefinitionError
from pipelinerun.execution.at_exit import quiet_logging
from pipelinerun.execution.handle import ExecutionHandle
from pipelinerun.execution.options import ExecutionOptions
from pipelinerun.execution.outcomes import cannot_start, invalid_definition
from pipelinerun.execution.result import ExecutionResult, PipelineFailedError
from pipelinerun.execution.services import Service, started
from pipelinerun.execution.strategy import DEFAULT_OPTIONS, ProcessExecutionStrategy


class PipelineStartupError(PipelineFailedError):
    """The pipeline could not be started; ``__cause__`` tells why."""

    def __init__(self, reason: object, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.args = (f"Pipeline startup failed: {reason}",)


class PipelineLifecycleManager:
    """Validates, starts what a pipeline depends on, executes it, and stops what was started.

    It runs one pipeline at a time; the next may start when the last has ended.
    """

    def __init__(
        self, strategy: ProcessExecutionStrategy, services: Sequence[Service] = ()
    ) -> None:
        self._strategy = strategy
        self._services = services
        self._handle: ExecutionHandle | None = None
        self._running_services = ExitStack()
        self._lock = threading.Lock()

    def start(
        self, job: PipelineJob, options: ExecutionOptions = DEFAULT_OPTIONS
    ) -> ExecutionResult:
        """Execute a pipeline. Services are stopped when it ends, or by ``stop``, or at exit.

        Raises:
            PipelineStartupError: the definition is invalid, or a service or the pipeline's runtime
                did not start.
            PipelineFailedError: a blocking execution ended with an exit code other than 0.
        """
        self._start_services(job)
        with ExitStack() as undo:
            undo.callback(self.stop)
            result = self._execute(job, options)
            if result.interface is not None:
                self._follow(result.interface)
                undo.pop_all()
        return result

    def stop(self) -> None:
        """End the pipeline if it runs, then stop the services in reverse order. Idempotent."""
        if self._handle is not None:
            self._handle.stop()
        with self._lock:
            self._running_services.close()
        atexit.unregister(self._at_exit)

    def _start_services(self, job: PipelineJob) -> None:
        try:
            check(job.definition)
            self._running_services = started(self._services)
        except InvalidDefinitionError as error:
            raise PipelineStartupError(error, invalid_definition(error)) from error
        except Exception as error:
            raise PipelineStartupError(error, cannot_start(str(error), error)) from error
        atexit.register(self._at_exit)

    def _execute(self, job: PipelineJob, options: ExecutionOptions) -> ExecutionResult:
        try:
            return self._strategy.execute(job, options)
        except PipelineFailedError as error:
            if error.outcome.exit_code != ExitCode.CANNOT_START:
                raise
            raise PipelineStartupError(error, error.outcome) from error

    def _follow(self, handle: ExecutionHandle) -> None:
        def stop_at_end() -> None:
            handle.wait()
            self.stop()

        self._handle = handle
        threading.Thread(target=stop_at_end, name="lifecycle", daemon=True).start()

    def _at_exit(self) -> None:
        quiet_logging()
        self.stop()
