"""Executes pipelines in a child process."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipelinerun.engine.cgroups import ControlGroup
from pipelinerun.execution import services
from pipelinerun.execution.child_process import ChildProcess
from pipelinerun.execution.handle import ExecutionHandle
from pipelinerun.execution.options import ExecutionOptions
from pipelinerun.execution.result import ExecutionResult, PipelineFailedError
from pipelinerun.execution.strategy import DEFAULT_OPTIONS, ProcessExecutionStrategy

if TYPE_CHECKING:  # a worker starts its child before it loads more
    from pipelinerun.api.job import PipelineJob
    from pipelinerun.api.status import Outcome, StageStatus

CHILD = "pipelinerun.execution.child:main"
DRAIN = {"drain": True}
"""What a child is told whose sources are to end."""


class SubprocessStrategy(ProcessExecutionStrategy):
    """Runs each pipeline in a fresh interpreter, on a Ray of its own.

    The child leads its own process group and gets SIGKILL when this process dies. Whatever way it
    ends, its group, its Ray and its temporary files are gone with it.
    """

    def __init__(self, owned_services: Sequence[str] = (), *, child: str = CHILD) -> None:
        """Prepare a strategy.

        Args:
            owned_services: import paths of ``Service`` classes that each child starts and stops.
            child: import path of what runs in the child.
        """
        self._services = tuple(owned_services)
        self._child = child

    def execute(
        self, config: "PipelineJob", options: ExecutionOptions = DEFAULT_OPTIONS
    ) -> ExecutionResult:
        """See ``ProcessExecutionStrategy``.

        Ctrl-C ends a blocking execution in order, a second one at once; either way the child's
        group is gone when KeyboardInterrupt leaves here.
        """
        job = config.model_dump_json(by_alias=True)
        handle = SubprocessHandle(job, options, self._services, self._child)
        try:
            handle.start()
            if not options.block:
                return ExecutionResult(interface=handle)
            outcome = handle.wait()
        except BaseException:
            handle.stop()
            raise
        assert outcome is not None  # waited without a timeout
        return ExecutionResult.of(outcome)


class SubprocessHandle(ExecutionHandle):
    """The handle of a pipeline in a child process. ``stop`` kills the child's process group."""

    def __init__(
        self,
        job: str,
        options: ExecutionOptions,
        owned_services: Sequence[str] = (),
        child: str = CHILD,
    ) -> None:
        """Prepare the execution of a job, given as JSON; the other arguments as elsewhere."""
        self._job, self._started = job, datetime.now(UTC)
        self._on_progress = options.on_progress
        self._ready = self._stopped = self._draining = False
        self._reported: Outcome | None = None
        self._outcome: Outcome | None = None
        self._stages: list[StageStatus] = []
        self._oom_kills = ControlGroup().oom_kills()
        self._process = ChildProcess(
            child,
            {"job": job},
            stdout=options.stdout,
            stderr=options.stderr,
            environment=services.marker(owned_services),
            grace=options.grace,
            on_message=self._on_message,
            on_end=self._on_end,
        )

    def start(self) -> None:
        """See ``ExecutionHandle``."""
        try:
            self._process.start()
        except OSError as error:
            from pipelinerun.execution.outcomes import cannot_start  # noqa: PLC0415 - see above

            reason = f"the child process could not be started: {error}"
            raise PipelineFailedError(cannot_start(reason, error)) from error

    def stop(self) -> None:
        """See ``ChildProcess.stop``. Ctrl-C meanwhile cuts the grace short."""
        self._stopped = True
        try:
            self._process.stop()
        except KeyboardInterrupt:
            self._process.kill()
            raise

    def drain(self) -> None:
        """See ``ExecutionHandle``. A child that is not listening yet is told as soon as it is."""
        self._draining = True
        if self._ready:
            self._process.send(DRAIN)

    def wait(self, timeout: float | None = None) -> "Outcome | None":
        """See ``ExecutionHandle``."""
        self._process.wait(timeout)
        return self._outcome

    @property
    def outcome(self) -> "Outcome | None":
        """What the child told, else what its end tells."""
        return self._outcome

    def _on_end(self, returncode: int) -> None:
        outcome = self._reported or self._judge(returncode)
        self._outcome = outcome.model_copy(update={"elapsed_seconds": self._process.elapsed})
        self._write_report(self._outcome)

    def _write_report(self, outcome: "Outcome") -> None:
        with suppress(ValueError):  # the outcome tells what is wrong with the job
            if json.loads(self._job)["definition"].get("report") is None:
                return
            from pipelinerun.api.job import PipelineJob  # noqa: PLC0415 - see above
            from pipelinerun.execution.lineage import write_report  # noqa: PLC0415 - see above

            job = PipelineJob.model_validate_json(self._job)
            write_report(job, outcome, started=self._started, ended=datetime.now(UTC))

    def _judge(self, returncode: int) -> "Outcome":
        from pipelinerun.execution.outcomes import of_wait_status  # noqa: PLC0415 - see above

        outcome = of_wait_status(
            returncode,
            ready=self._ready,
            stopped=self._stopped,
            out_of_memory=ControlGroup().oom_kills() > self._oom_kills,
        )
        return outcome.model_copy(update={"stages": self._stages})

    def _on_message(self, message: Mapping[str, Any]) -> None:
        from pipelinerun.execution import reports  # noqa: PLC0415 - see above

        if not self._ready:
            self._ready = True
            if self._draining:
                self._process.send(DRAIN)
        if "outcome" in message:
            self._reported = reports.outcome_of(message["outcome"])
        elif "progress" in message:
            self._stages = reports.stages_of(message["progress"])
            if self._on_progress is not None:
                self._on_progress(self._stages)
