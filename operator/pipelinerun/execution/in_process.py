"""Executes pipelines in this process."""

import atexit
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipelinerun.api.job import PipelineJob
from pipelinerun.api.status import Outcome
from pipelinerun.engine.environment import variables
from pipelinerun.execution.at_exit import quiet_logging
from pipelinerun.execution.driver import drive, within
from pipelinerun.execution.handle import ExecutionHandle
from pipelinerun.execution.lineage import write_report
from pipelinerun.execution.options import ExecutionOptions, ProgressListener
from pipelinerun.execution.result import ExecutionResult
from pipelinerun.execution.strategy import DEFAULT_OPTIONS, ProcessExecutionStrategy
from pipelinerun.execution.workspace import Workspace


@dataclass(frozen=True)
class Told:
    """What a pipeline in this process has been told: to end, or to let its sources end."""

    stopping: threading.Event = field(default_factory=threading.Event)
    draining: threading.Event = field(default_factory=threading.Event)


class InProcessStrategy(ProcessExecutionStrategy):
    """Runs a pipeline in this process, on its Ray when there is one, else on a Ray of its own.

    A Ray of its own is shut down at the end; should this process be killed, a guardian removes it.
    """

    def execute(
        self, config: PipelineJob, options: ExecutionOptions = DEFAULT_OPTIONS
    ) -> ExecutionResult:
        """See ``ProcessExecutionStrategy``. KeyboardInterrupt ends a blocking execution."""
        if options.block:
            outcome = _run(config, options.on_progress, Told(), threading.Event())
            return ExecutionResult.of(outcome)
        handle = InProcessHandle(config, options)
        handle.start()
        return ExecutionResult(interface=handle)


class InProcessHandle(ExecutionHandle):
    """The handle of a pipeline in a thread of this process."""

    def __init__(self, job: PipelineJob, options: ExecutionOptions) -> None:
        self._job, self._on_progress = job, options.on_progress
        self._grace = options.grace
        self._outcome: Outcome | None = None
        self._told, self._ended = Told(), threading.Event()
        self._own_ray = threading.Event()
        self._thread = threading.Thread(target=self._execute, name="pipeline", daemon=True)

    def start(self) -> None:
        """See ``ExecutionHandle``."""
        if self._thread.ident is None:
            atexit.register(self._at_exit)
            self._thread.start()

    def stop(self) -> None:
        """Ask the pipeline to end and wait for it.

        A thread cannot be killed: code of the pipeline's that never returns goes on after the
        grace, though without the Ray that was started for it. A child process can be.
        """
        self._told.stopping.set()
        if self._thread.ident is not None and not self._ended.wait(self._grace):
            self._take_ray_away()
            self._ended.wait(self._grace)

    def drain(self) -> None:
        """See ``ExecutionHandle``."""
        self._told.draining.set()

    def wait(self, timeout: float | None = None) -> Outcome | None:
        """See ``ExecutionHandle``."""
        self._ended.wait(timeout)
        return self._outcome

    @property
    def outcome(self) -> Outcome | None:
        """See ``ExecutionHandle``."""
        return self._outcome

    def _execute(self) -> None:
        try:
            self._outcome = _run(self._job, self._on_progress, self._told, self._own_ray)
        finally:
            self._ended.set()
            atexit.unregister(self._at_exit)

    def _at_exit(self) -> None:
        quiet_logging()
        self.stop()

    def _take_ray_away(self) -> None:
        if self._own_ray.is_set():
            import ray  # noqa: PLC0415 - loaded by the pipeline already

            ray.shutdown()


def _run(
    job: PipelineJob,
    on_progress: ProgressListener | None,
    told: Told,
    own_ray: threading.Event,
) -> Outcome:
    """Run a job; ``own_ray`` is set while a Ray that was started for it is up."""
    start, started = time.monotonic(), datetime.now(UTC)
    ray_needed = job.verdict is None and not _ray_is_up()
    surroundings = _embedded_ray(own_ray) if ray_needed else nullcontext()

    def run() -> Outcome:
        return drive(job, on_progress=on_progress, stopping=told.stopping, draining=told.draining)

    outcome = within(surroundings, run)
    outcome = outcome.model_copy(update={"elapsed_seconds": time.monotonic() - start})
    write_report(job, outcome, started=started, ended=datetime.now(UTC))
    return outcome


def _ray_is_up() -> bool:
    # Without loading it: that takes seconds, and its environment has to be set before.
    ray = sys.modules.get("ray")
    return ray is not None and ray.is_initialized()


@contextmanager
def _embedded_ray(up: threading.Event) -> Iterator[None]:
    from pipelinerun.engine.session import local_ray  # noqa: PLC0415 - loads Ray

    with Workspace() as workspace, ExitStack() as stack:
        with variables(workspace.environment), _sigterm_kept():
            stack.enter_context(local_ray(workspace.path))
        stack.callback(up.clear)
        up.set()
        yield


@contextmanager
def _sigterm_kept() -> Iterator[None]:
    """Undo the handler that Ray installs when started in the main thread: it is the caller's."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None:  # else it was installed by C code and cannot be put back from here
            signal.signal(signal.SIGTERM, before)
