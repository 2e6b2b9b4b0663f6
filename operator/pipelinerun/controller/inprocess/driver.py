"""The driver of an in-process run: an actor on the operator's Ray.

It is the process that calls ``InProcessStrategy``. It is detached, so that it survives the gateway
that created it, and remembers what it was assigned, so that the next gateway can adopt it.
"""

import sys
import threading
from dataclasses import dataclass, field

from pipelinerun.api.exit_codes import ExitCode
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.spec import Shutdown
from pipelinerun.api.status import Failure, Outcome, StageStatus
from pipelinerun.controller.inprocess.protocol import AttemptKey
from pipelinerun.execution.handle import ExecutionHandle

ACTOR_NAMESPACE = "pipelinerun"
"""Ray namespace of the drivers."""
CONCURRENCY = 8
"""Threads for calls: one waits for the end, the others answer."""


@dataclass
class Assignment:
    """The attempt that a driver is running, or has run."""

    key: AttemptKey
    code: str
    handle: ExecutionHandle | None = None
    stages: list[StageStatus] = field(default_factory=list)
    outcome: Outcome | None = None
    ended: threading.Event = field(default_factory=threading.Event)


class Driver:
    """Runs one attempt at a time. Everything that crosses its border is JSON."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._epoch = 0
        self._assignment: Assignment | None = None

    def warm_up(self) -> None:
        """Run a small dataset: the first one costs seconds, the next ones milliseconds."""
        from pipelinerun.engine.run import warm_up  # noqa: PLC0415 - loads Ray, only here

        warm_up()

    def adopt(self, epoch: int) -> tuple[str, str] | None:
        """Belong to a gateway from now on; returns what is assigned, as (key, code).

        An earlier gateway's calls that are still on their way are refused from here on.
        """
        with self._lock:
            self._epoch = max(self._epoch, epoch)
            if self._assignment is None:
                return None
            return self._assignment.key.model_dump_json(), self._assignment.code

    def start(self, epoch: int, job_json: str, code: str) -> bool:
        """Start an attempt. False if the caller is outdated or another attempt is running."""
        job = PipelineJob.model_validate_json(job_json)
        with self._lock:
            running = self._assignment is not None and not self._assignment.ended.is_set()
            if epoch < self._epoch or running:
                return False
            assignment = self._assignment = Assignment(AttemptKey.of(job.run), code)
        threading.Thread(target=_run, args=(job, assignment), name="pipeline", daemon=True).start()
        return True

    def outcome(self) -> str:
        """Wait for the end of the attempt that was assigned."""
        assignment = self._assigned()
        assignment.ended.wait()
        assert assignment.outcome is not None
        return assignment.outcome.model_dump_json(by_alias=True)

    def stop(self, epoch: int, key_json: str, how: Shutdown) -> bool:
        """Have an attempt end; returns whether it was there to be told."""
        key = AttemptKey.model_validate_json(key_json)
        with self._lock:
            assignment = self._assignment
            if epoch < self._epoch or assignment is None or assignment.key != key:
                return False
        if assignment.handle is None:
            return False
        if how == "Drain":
            assignment.handle.drain()
        else:
            # It waits for the end, which is more than the caller wants.
            threading.Thread(target=assignment.handle.stop, name="stop", daemon=True).start()
        return True

    def progress(self) -> list[str]:
        """How far the stages are."""
        return [stage.model_dump_json(by_alias=True) for stage in self._assigned().stages]

    def _assigned(self) -> Assignment:
        if self._assignment is None:
            raise RuntimeError("this driver has no attempt")
        return self._assignment


def _run(job: PipelineJob, assignment: Assignment) -> None:
    from pipelinerun.engine import printing  # noqa: PLC0415 - loads what the warm-up has loaded
    from pipelinerun.execution.factory import create_strategy  # noqa: PLC0415 - loads Ray
    from pipelinerun.execution.on_cluster import cluster_of  # noqa: PLC0415
    from pipelinerun.execution.options import ExecutionOptions  # noqa: PLC0415

    def note(stages: list[StageStatus]) -> None:
        assignment.stages = stages

    printing.print_whole_lines()
    printing.belongs_to(job.run)
    try:
        options = ExecutionOptions(block=False, stdout=sys.stdout, on_progress=note)
        # Without a token: those in this process's environment are not for other clusters.
        strategy = create_strategy(run_in_subprocess=False, cluster=cluster_of(job, token=None))
        handle = assignment.handle = strategy.execute(job, options).interface
        assert handle is not None  # not blocking
        assignment.outcome = handle.wait()
    finally:
        if assignment.outcome is None:
            failure = Failure(class_="Infrastructure", message="the driver could not run it")
            assignment.outcome = Outcome(exit_code=ExitCode.CANNOT_START, failure=failure)
        printing.belongs_to_nobody()
        assignment.ended.set()
