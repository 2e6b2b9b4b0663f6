"""Running a job on the Ray of this process."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from uuid import uuid4

import ray
import ray.data
from ray.data import DataContext
from ray.exceptions import OutOfMemoryError

from pipelinerun.api.checkpoints import wrong_start
from pipelinerun.api.code import Code
from pipelinerun.api.code_files import code_hash
from pipelinerun.api.definition import PipelineDefinition, Runtime
from pipelinerun.api.exit_codes import TERMINATED, ExitCode
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.prepare import wrong_definition
from pipelinerun.api.stage import Stage
from pipelinerun.api.status import Failure, Outcome, StageStatus
from pipelinerun.api.topology import Topology, topology_of
from pipelinerun.api.violations import InvalidDefinitionError
from pipelinerun.engine import capacity, importer, log_follower
from pipelinerun.engine import failure as failures
from pipelinerun.engine.backpressure import held_back
from pipelinerun.engine.cgroups import ControlGroup
from pipelinerun.engine.compile import Compiler
from pipelinerun.engine.course import Course
from pipelinerun.engine.dead_letters import LetterFiles
from pipelinerun.engine.depth import make_room
from pipelinerun.engine.errors import StageError, SupplyError
from pipelinerun.engine.keeper import Keeper
from pipelinerun.engine.ledger import CRASH_LIMIT, Ledger
from pipelinerun.engine.loading import wrong_code
from pipelinerun.engine.packages import packages_of
from pipelinerun.engine.plan import StagePlan
from pipelinerun.engine.progress import ProgressCallback, reporting
from pipelinerun.engine.queues import Queues, queues_of
from pipelinerun.engine.replicas import Machine, with_numbers
from pipelinerun.engine.resources import never_satisfied
from pipelinerun.engine.secrets import hidden
from pipelinerun.engine.sinks import wrong_sinks
from pipelinerun.engine.start import Checkpoints, Start, checkpoints_of, start_of
from pipelinerun.engine.supply import supplied

KILLED_FOR_MEMORY = (
    "the kernel killed the stage's process because memory ran out;"
    " raise the container's memory limit, or make batches smaller"
)
_LOG_LEVELS = {
    "ray.data": logging.WARNING,
    "ray.data._internal.progress": logging.ERROR,
    # They print the traceback of every failure of a stage, which the outcome tells already.
    "ray.data._internal.execution.streaming_executor_state": logging.CRITICAL,
    "ray.data.exceptions": logging.CRITICAL,
    "ray.data._internal.planner.plan_udf_map_op": logging.CRITICAL,
    "ray.data._internal.execution.operators.map_operator": logging.CRITICAL,
}


def run_pipeline(
    job: PipelineJob,
    *,
    on_progress: ProgressCallback | None = None,
    stopping: threading.Event | None = None,
    draining: threading.Event | None = None,
) -> Outcome:
    """Run a job to its end. Ray must be initialised in this process.

    Whatever the pipeline or its definition does wrong is told by the outcome; ``elapsed_seconds``
    is left to the caller. Setting ``stopping`` makes it end soon, with exit code 143. Setting
    ``draining`` makes its sources end; what they have given reaches the sinks, and the exit code
    is 0.
    """
    stopping, draining = stopping or threading.Event(), draining or threading.Event()
    try:
        supply = supplied(job, stopping)
    except SupplyError as error:
        stages = _untouched(job.definition)
        return Outcome(exit_code=error.exit_code, failure=error.failure, stages=stages)
    outcome = _run_supplied(supply.job, on_progress, stopping, draining)
    return outcome.model_copy(update={"commit": supply.commit})


def _run_supplied(
    job: PipelineJob,
    on_progress: ProgressCallback | None,
    stopping: threading.Event,
    draining: threading.Event,
) -> Outcome:
    with importer.installed(job.code.files):
        try:
            job = _checked(job)
            checkpoints = checkpoints_of(job, _isolation(job))
            start = start_of(job, checkpoints)
        except InvalidDefinitionError as error:
            return _invalid(job.definition, error)
        outcome = _run(job, checkpoints, start, on_progress, stopping, draining)
    log_follower.catch_up()
    outcome = outcome.with_tail(log_follower.recent())
    if on_progress is not None:
        on_progress(outcome.stages)
    return outcome


def warm_up() -> None:
    """Run a pipeline of no rows: the first one in a process costs seconds, others milliseconds."""
    with _quiet(Runtime()):
        ray.data.range(1).map_batches(_identity).materialize()


def _identity(batch: Any) -> Any:
    return batch


def _checked(job: PipelineJob) -> PipelineJob:
    """The job with numbers of replicas for this Ray, if nothing is wrong with it."""
    definition = job.definition
    wrong = wrong_definition(definition) or wrong_code(definition) or [*wrong_sinks(definition)]
    if not wrong:
        definition = with_numbers(definition, Machine.of(ray.cluster_resources()))
        if not capacity.may_grow():
            wrong = list(never_satisfied(definition, capacity.nodes()))
    wrong = [it.under("pipeline") for it in wrong]
    if not wrong and job.resume_from is not None:
        wrong = list(wrong_start(definition, job.resume_from))
    if wrong:
        raise InvalidDefinitionError(wrong)
    return job.model_copy(update={"definition": definition})


def _invalid(definition: PipelineDefinition, error: InvalidDefinitionError) -> Outcome:
    message = "; ".join(map(str, error.violations))
    failure = Failure(class_="Config", message=hidden(message)[:MESSAGE_LIMIT])
    stages = _untouched(definition)
    return Outcome(exit_code=ExitCode.INVALID_DEFINITION, failure=failure, stages=stages)


def _untouched(definition: PipelineDefinition) -> list[StageStatus]:
    return [StageStatus(name=stage.name) for stage in definition.stages if stage.enabled]


def _run(
    job: PipelineJob,
    checkpoints: Checkpoints,
    start: Start,
    on_progress: ProgressCallback | None,
    stopping: threading.Event,
    draining: threading.Event,
) -> Outcome:
    topology = topology_of(job.definition)
    letters = _dead_letters(job)
    make_room(len(topology.stages))
    kills = ControlGroup().oom_kills()
    course = Course(topology, skipped=start.skipped, kept=start.rows)
    queues = Queues(queues_of(job.definition, topology), topology)
    with (
        Ledger(topology, capacity.ledger_host(), stopping, draining, queues) as ledger,
        _quiet(job.definition.runtime),
        held_back(ledger.full) if queues else nullcontext(),
    ):
        keeper = Keeper(
            checkpoints,
            job.run,
            start=start,
            rows_of=lambda stage: ledger.totals()[stage].rows_out,
            draining=draining,
        )

        def plan_of(stage: Stage) -> StagePlan:
            files, packages = dict(job.code.files), packages_of(job.code)
            count = len(topology.stages)
            return StagePlan(stage, job.run, files, packages, ledger.address, count, letters)

        error: BaseException | None = None
        with reporting(lambda: course.running(ledger.stages()), on_progress):
            try:
                _compiler(job, topology, plan_of, keeper, queues).execute(course, [*start.markers])
                if isinstance(letters, LetterFiles):
                    letters.sweep(ledger.letters())
            except (Exception, SystemExit) as raised:  # noqa: BLE001 - the user's code may raise anything
                error = raised
        reported = ledger.stages()
        if error is None and ledger.failure is None:
            return Outcome(exit_code=ExitCode.SUCCESS, stages=course.succeeded(reported))
        starved = ControlGroup().oom_kills() > kills
        failure, exit_code = _judge(ledger, error, course.current, stopping, starved=starved)
    return Outcome(
        exit_code=exit_code, failure=failure, stages=course.failed(reported, failure.stage)
    )


def _judge(
    ledger: Ledger,
    error: BaseException | None,
    current: str | None,
    stopping: threading.Event,
    *,
    starved: bool,
) -> tuple[Failure, int]:
    """Why the run failed: what a stage reported, else what is known from the outside.

    ``starved``: meanwhile the kernel has killed for memory.
    """
    if ledger.failure is not None:
        told, _ = ledger.failure
        killed = starved and told.class_ == "Infrastructure"
        return failures.of_memory(told.stage, KILLED_FOR_MEMORY) if killed else ledger.failure
    assert error is not None
    if stopping.is_set():
        failure = Failure(class_="Cancelled", message="the pipeline was stopped", signal=15)
        return failure, TERMINATED
    root = failures.root_cause(error)
    if isinstance(root, OutOfMemoryError):
        return failures.of_memory(ledger.crashed, str(root))
    if starved:
        return failures.of_memory(ledger.crashed, KILLED_FOR_MEMORY)
    if ledger.crashed is not None:
        return failures.of_crash(ledger.crashed, CRASH_LIMIT)
    if isinstance(root, StageError):
        return failures.of_engine(root.stage, root)
    if current is not None and not isinstance(error, ray.exceptions.RayError):
        # Code that was called in this process: a reader, a writer, or a source of the user's.
        return failures.of_stage(current, error)
    return failures.of_engine(current, error)


def _compiler(
    job: PipelineJob,
    topology: Topology,
    plan_of: Callable[[Stage], StagePlan],
    keeper: Keeper,
    queues: Queues,
) -> Compiler:
    return Compiler(
        topology,
        job.definition.runtime,
        plan_of,
        keeper=keeper,
        queues=queues,
        cpus=ray.cluster_resources().get("CPU", 1.0),
        options=_isolation(job),
    )


def _dead_letters(job: PipelineJob) -> LetterFiles | Stage | None:
    place = job.definition.dead_letters
    if place is None or all(it.on_error != "DeadLetter" for it in job.definition.stages):
        return None
    if place.path is None:
        return place.sink
    return LetterFiles(place.path, f"{job.run.name}-{job.run.attempt}-{uuid4().hex[:8]}")


def _isolation(job: PipelineJob) -> dict[str, Any]:
    """Processes of its own for code of its own, where a Ray is shared with other runs.

    Ray keeps processes with different environments apart; only drivers that are actors share one.
    """
    if job.code == Code() or ray.get_runtime_context().get_actor_id() is None:
        return {}
    return {"runtime_env": {"env_vars": {"PIPELINERUN_CODE": code_hash(job.code)}}}


@contextmanager
def _quiet(runtime: Runtime) -> Iterator[None]:
    """Ray Data's settings for this run, put back afterwards: a driver may run others."""
    context = DataContext.get_current()
    settings: dict[str, Any] = {
        "enable_progress_bars": False,
        "enable_operator_progress_bars": False,
        "print_on_execution_start": False,
    }
    limits = context.execution_options.resource_limits
    threshold = runtime.dynamic_memory_threshold
    # They find what takes long or much memory, and name options of Ray that there are not here.
    detectors = context.issue_detectors_config.detectors
    levels = {name: logging.getLogger(name).level for name in _LOG_LEVELS}
    before = {name: getattr(context, name) for name in settings}
    for name, value in settings.items():
        setattr(context, name, value)
    context.issue_detectors_config.detectors = []
    for name, level in _LOG_LEVELS.items():
        logging.getLogger(name).setLevel(level)
    if threshold is not None:
        store = ray.cluster_resources().get("object_store_memory", 0.0)
        context.execution_options.resource_limits = limits.copy(
            object_store_memory=threshold * store
        )
    try:
        yield
    finally:
        context.execution_options.resource_limits = limits
        context.issue_detectors_config.detectors = detectors
        for name, value in before.items():
            setattr(context, name, value)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
