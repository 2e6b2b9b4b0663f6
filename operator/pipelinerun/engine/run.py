"""Running a job on the Ray of this process."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ray
import ray.data
from ray.data import DataContext
from ray.exceptions import OutOfMemoryError

from pipelinerun.api import graph
from pipelinerun.api.code import code_hash
from pipelinerun.api.definition import PipelineDefinition, Runtime, Stage
from pipelinerun.api.exit_codes import TERMINATED, ExitCode
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.prepare import check
from pipelinerun.api.status import MESSAGE_LIMIT, Failure, Outcome, StageState, StageStatus
from pipelinerun.api.violations import InvalidDefinitionError
from pipelinerun.engine import failure as failures
from pipelinerun.engine import importer, log_follower
from pipelinerun.engine.cgroups import ControlGroup
from pipelinerun.engine.compile import Compiled, Compiler
from pipelinerun.engine.depth import make_room
from pipelinerun.engine.errors import StageError
from pipelinerun.engine.ledger import CRASH_LIMIT, Ledger
from pipelinerun.engine.loading import wrong_code
from pipelinerun.engine.plan import StagePlan
from pipelinerun.engine.progress import ProgressCallback, reporting
from pipelinerun.engine.resources import never_satisfied

_LOOPBACK = "127.0.0.1"
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
    with importer.installed(job.code.files):
        try:
            _check(job.definition)
        except InvalidDefinitionError as error:
            return _invalid(job.definition, error)
        outcome = _run(job, on_progress, stopping, draining)
    log_follower.catch_up()
    if on_progress is not None:
        on_progress(outcome.stages)
    return outcome


def warm_up() -> None:
    """Run a pipeline of no rows: the first one in a process costs seconds, others milliseconds."""
    with _quiet(Runtime()):
        ray.data.range(1).map_batches(_identity).materialize()


def _identity(batch: Any) -> Any:
    return batch


def _check(definition: PipelineDefinition) -> None:
    check(definition)
    wrong = wrong_code(definition)
    if not wrong:
        total = ray.cluster_resources()
        wrong = list(never_satisfied(definition.stages, definition.runtime, total))
    if wrong:
        raise InvalidDefinitionError(wrong)


def _invalid(definition: PipelineDefinition, error: InvalidDefinitionError) -> Outcome:
    message = "; ".join(str(it.under("pipeline")) for it in error.violations)
    failure = Failure(class_="Config", message=message[:MESSAGE_LIMIT])
    stages = [StageStatus(name=stage.name) for stage in definition.stages if stage.enabled]
    return Outcome(exit_code=ExitCode.INVALID_DEFINITION, failure=failure, stages=stages)


def _run(
    job: PipelineJob,
    on_progress: ProgressCallback | None,
    stopping: threading.Event,
    draining: threading.Event,
) -> Outcome:
    stages = graph.stage_line(job.definition)
    names = [stage.name for stage in stages]
    make_room(len(stages))
    kills = ControlGroup().oom_kills()
    current = ""

    def enter(stage: str) -> None:
        nonlocal current
        current = stage

    with (
        Ledger(names, _ledger_host(), stopping, draining) as ledger,
        _quiet(job.definition.runtime),
    ):
        compiled = Compiled(lambda: None, frozenset())
        error: BaseException | None = None
        with reporting(lambda: _joined(ledger.stages(), compiled.counted), on_progress):
            try:
                compiled = _compiler(job, stages, ledger).compile(enter)
                compiled.execute()
            except (Exception, SystemExit) as raised:  # noqa: BLE001 - the user's code may raise anything
                error = raised
        reported = _joined(ledger.stages(), compiled.counted)
        if error is None and ledger.failure is None:
            return Outcome(exit_code=ExitCode.SUCCESS, stages=_in_state(reported, "Succeeded"))
        starved = ControlGroup().oom_kills() > kills
        failure, exit_code = _judge(ledger, error, current or None, stopping, starved=starved)
    return Outcome(
        exit_code=exit_code, failure=failure, stages=_after_failure(reported, failure.stage)
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
        return ledger.failure
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


def _compiler(job: PipelineJob, stages: list[Stage], ledger: Ledger) -> Compiler:
    def plan_of(stage: Stage) -> StagePlan:
        return StagePlan(stage, job.run, dict(job.code.files), ledger.address, len(stages))

    return Compiler(
        stages,
        job.definition.runtime,
        plan_of,
        cpus=ray.cluster_resources().get("CPU", 1.0),
        options=_isolation(job),
    )


def _isolation(job: PipelineJob) -> dict[str, Any]:
    """Processes of its own for code of its own, where a Ray is shared with other runs.

    Ray keeps processes with different environments apart; only drivers that are actors share one.
    """
    if not job.code.files or ray.get_runtime_context().get_actor_id() is None:
        return {}
    return {"runtime_env": {"env_vars": {"PIPELINERUN_CODE": code_hash(job.code)}}}


def _ledger_host() -> str:
    """Loopback, unless stages may run on other nodes."""
    nodes = [node for node in ray.nodes() if node["Alive"]]
    return _LOOPBACK if len(nodes) == 1 else str(ray.util.get_node_ip_address())


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
    levels = {name: logging.getLogger(name).level for name in _LOG_LEVELS}
    before = {name: getattr(context, name) for name in settings}
    for name, value in settings.items():
        setattr(context, name, value)
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
        for name, value in before.items():
            setattr(context, name, value)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _joined(stages: list[StageStatus], counted: frozenset[str]) -> list[StageStatus]:
    """Counts of stages that Ray Data runs by itself, taken from the stages next to them."""
    if not stages:
        return stages
    first, last = stages[0], stages[-1]
    if first.name not in counted and len(stages) > 1:
        first = first.model_copy(update={"rows_out": stages[1].rows_in, "state": stages[1].state})
    if last.name not in counted and len(stages) > 1:
        before = first if len(stages) == 2 else stages[-2]  # noqa: PLR2004 - source and sink
        last = last.model_copy(update={"rows_in": before.rows_out, "state": before.state})
    return [first, *stages[1:-1], last]


def _in_state(stages: list[StageStatus], state: StageState) -> list[StageStatus]:
    return [stage.model_copy(update={"state": state}) for stage in stages]


def _after_failure(stages: list[StageStatus], failed: str | None) -> list[StageStatus]:
    """States at the end of a run that failed: what was running has been stopped."""
    states: Mapping[StageState, StageState] = {"Running": "Stopped"}
    return [
        stage.model_copy(
            update={
                "state": "Failed" if stage.name == failed else states.get(stage.state, stage.state)
            }
        )
        for stage in stages
    ]
