"""Running finally stages: plain calls in this process, one after the other, without Ray."""

import sys
import threading
import time
from collections import deque
from collections.abc import Iterator

from pipelinerun.api.exit_codes import TERMINATED, ExitCode
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.stage import FinallyStage
from pipelinerun.api.status import Failure, Outcome, StageStatus, Verdict
from pipelinerun.engine import importer, printing
from pipelinerun.engine.context import RunOutcome, StageContext, logger_of
from pipelinerun.engine.errors import SupplyError
from pipelinerun.engine.failure import of_stage
from pipelinerun.engine.loading import bound
from pipelinerun.engine.progress import ProgressCallback
from pipelinerun.engine.supply import supplied


def run_finally(
    job: PipelineJob,
    verdict: Verdict,
    *,
    on_progress: ProgressCallback | None = None,
    stopping: threading.Event | None = None,
) -> Outcome:
    """Call each finally stage of a job once; one that fails keeps no other from being called.

    The outcome tells the first failure. Setting ``stopping`` lets no further stage begin, and makes
    the exit code 143; the one that runs is told by ``context.stopping``.
    """
    stopping = stopping or threading.Event()
    stages = {it.name: StageStatus(name=it.name) for it in job.definition.finally_}
    ends: list[tuple[Failure, int]] = []

    def show(name: str, **changes: object) -> None:
        stages[name] = stages[name].model_copy(update=changes)
        if on_progress is not None:
            on_progress([*stages.values()])

    try:
        job = supplied(job, stopping).job
    except SupplyError as error:
        statuses = [*stages.values()]
        return Outcome(exit_code=error.exit_code, failure=error.failure, stages=statuses)
    with importer.installed(job.code.files):
        for stage in job.definition.finally_:
            if stopping.is_set():
                break
            show(stage.name, state="Running", replicas=1)
            started = time.perf_counter()
            with printing.of_stage(job.run, stage.name):
                end = _called(stage, _context(stage, job, verdict, stopping))
            if end is not None:
                ends.append(end)
            seconds = round(time.perf_counter() - started, 3)
            state = "Failed" if end else "Succeeded"
            show(stage.name, state=state, seconds=seconds, errors=1 if end else 0)
    left = [it.name for it in stages.values() if it.state == "Pending"]
    if stopping.is_set() and (ends or left):
        failure = Failure(class_="Cancelled", message="the finally stages were stopped", signal=15)
        return Outcome(exit_code=TERMINATED, failure=failure, stages=[*stages.values()])
    if not ends:
        return Outcome(exit_code=ExitCode.SUCCESS, stages=[*stages.values()])
    failure, exit_code = ends[0]
    others = [failed.stage for failed, _ in ends[1:] if failed.stage]
    if others:
        also = f"; failed as well: {', '.join(others)}"
        message = f"{failure.message[: MESSAGE_LIMIT - len(also)]}{also}"
        failure = failure.model_copy(update={"message": message})
    return Outcome(exit_code=exit_code, failure=failure, stages=[*stages.values()])


def _called(stage: FinallyStage, context: StageContext) -> tuple[Failure, int] | None:
    """Call a stage; returns its failure and exit code if it fails."""
    try:
        result = bound(stage, context)()
        if isinstance(result, Iterator):  # a generator function does nothing until it is asked
            deque(result, maxlen=0)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's code may raise anything
        if isinstance(error, SystemExit) and not error.code:
            return None
        failure, exit_code = of_stage(stage.name, error)
        sys.stderr.write(f"Finally stage {stage.name} failed:\n{failure.tail}\n")
        return failure, exit_code
    return None


def _context(
    stage: FinallyStage, job: PipelineJob, verdict: Verdict, stopping: threading.Event
) -> StageContext:
    failure = verdict.failure
    return StageContext(
        stage=stage.name,
        name=job.run.name,
        namespace=job.run.namespace,
        uid=job.run.uid,
        attempt=verdict.attempt,
        params=dict(job.run.params),
        logger=logger_of(stage.name),
        _stopping=stopping.is_set,
        outcome=RunOutcome(
            phase=verdict.phase,
            reason=verdict.reason,
            message=verdict.message,
            exit_code=verdict.exit_code,
            elapsed_seconds=verdict.elapsed_seconds,
            attempt=verdict.attempt,
            failure_class=failure.class_ if failure else None,
            stage=failure.stage if failure else None,
            exception=failure.exception if failure else None,
        ),
    )
