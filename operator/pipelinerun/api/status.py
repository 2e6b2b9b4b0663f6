"""What was observed of a run: the status of a PipelineRun."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipelinerun.api.limits import MESSAGE_LIMIT, TAIL_LIMIT
from pipelinerun.api.model import ApiModel
from pipelinerun.api.names import MAX_FINALLY, MAX_STAGES

Phase = Literal[
    "Pending",
    "Suspended",
    "Starting",
    "Running",
    "Stopping",
    "Finishing",
    "Succeeded",
    "Failed",
    "Cancelled",
]
StopCause = Literal[
    "ImagePullFailed",
    "Suspend",
    "Drain",
    "Terminate",
    "ActiveDeadline",
    "AttemptDeadline",
    "PendingDeadline",
]
StageState = Literal["Pending", "Running", "Succeeded", "Failed", "Stopped", "Skipped"]
FinallyState = Literal["Pending", "Starting", "Running", "Stopping", "Succeeded", "Failed"]
FailureClass = Literal["User", "Config", "OutOfMemory", "Timeout", "Infrastructure", "Cancelled"]
ConditionType = Literal["Succeeded", "Ready", "Reconciling", "Stalled", "Suspended"]

TERMINAL_PHASES: frozenset[Phase] = frozenset({"Succeeded", "Failed", "Cancelled"})
UNDER_WAY_PHASES: frozenset[Phase] = frozenset({"Starting", "Running", "Stopping"})
"""Phases in which there may be an attempt."""
EXECUTED_PHASES: frozenset[Phase] = UNDER_WAY_PHASES | {"Finishing"}
"""Phases in which something of the run may be executed: an attempt, or its finally stages."""
ENDED_PHASES: frozenset[Phase] = TERMINAL_PHASES | {"Finishing"}
"""Phases in which the pipeline itself has ended."""
MAX_ATTEMPTS_KEPT = 10

Seconds = Annotated[float, Field(ge=0)]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Condition(ApiModel):
    """A standard Kubernetes condition."""

    LIST_KEYS: ClassVar = ("type",)

    type: ConditionType
    """Succeeded tells how the run ended; Ready, Reconciling and Stalled follow kstatus; Suspended
    is there once the run was suspended."""
    status: Literal["True", "False", "Unknown"]
    """Whether the condition holds."""
    reason: Annotated[str, Field(max_length=128)]
    """Why, in one word for programs."""
    message: Annotated[str, Field(max_length=MESSAGE_LIMIT)] = ""
    """Why, for people."""
    last_transition_time: Timestamp
    """When status last changed."""
    observed_generation: int | None = None
    """Generation of the spec that this was computed from."""


class Failure(ApiModel):
    """Why an attempt failed."""

    class_: Annotated[FailureClass, Field(alias="class")]
    """Who has to act: User (the pipeline's code), Config (the manifest), OutOfMemory, Timeout,
    Infrastructure (the cluster or the operator) or Cancelled."""
    stage: Annotated[str, Field(max_length=256)] | None = None
    """Stage that failed, where known."""
    exception: Annotated[str, Field(max_length=256)] | None = None
    """Type of the exception, where there was one."""
    message: Annotated[str, Field(max_length=MESSAGE_LIMIT)] = ""
    """What happened."""
    signal: int | None = None
    """Signal that ended the process, where one did."""
    tail: Annotated[str, Field(max_length=TAIL_LIMIT)] | None = None
    """End of the traceback or output."""


class StageStatus(ApiModel):
    """How far a stage is."""

    LIST_KEYS: ClassVar = ("name",)

    name: str
    """Name of the stage."""
    state: StageState = "Pending"
    """Pending, Running, Succeeded, Failed, Stopped when another stage failed, or Skipped when the
    rows came from a checkpoint."""
    rows_in: Annotated[int, Field(ge=0)] = 0
    """Rows that went in."""
    rows_out: Annotated[int, Field(ge=0)] = 0
    """Rows that came out."""
    errors: Annotated[int, Field(ge=0)] = 0
    """Calls that raised."""
    seconds: Seconds = 0.0
    """Time spent in the stage's code, summed over its replicas."""
    replicas: Annotated[int, Field(ge=0)] = 0
    """Processes that have worked for the stage."""
    peak_memory_bytes: Annotated[int, Field(ge=0)] | None = None
    """Largest resident memory of a process that worked for the stage; stages that follow each other
    may share processes. What it read from the object store is in it. Left out where it is not
    known: of readers and writers that Ray Data runs, and of sources that return their rows."""
    checkpointed: bool | None = None
    """true once all rows of the stage are in its checkpoint."""


class Outcome(ApiModel):
    """How an attempt ended. Produced by the execution strategies, unchanged by what carries it."""

    exit_code: int
    """Exit code by the convention."""
    elapsed_seconds: Seconds = 0.0
    """Seconds that the pipeline itself ran, by the monotonic clock."""
    failure: Failure | None = None
    """Why it failed; None on success."""
    stages: list[StageStatus] = Field(default_factory=list)
    """Stages at the end."""
    commit: str | None = None
    """Commit that the code of code.git is of."""

    def with_tail(self, printed: str | None) -> "Outcome":
        """With the end of what was printed, where there is no traceback that tells more."""
        failure = self.failure
        if failure is None or failure.tail or printed is None or failure.class_ == "Cancelled":
            return self
        told = failure.model_copy(update={"tail": printed})
        return self.model_copy(update={"failure": told})


class Worker(ApiModel):
    """Where the last attempt runs or ran."""

    operator: str | None = None
    """Name of the operator instance, for in-process attempts."""
    operator_namespace: str | None = None
    """Namespace of the operator's pod, if it has one; the pod has its name."""
    pod: str | None = None
    """Name of the worker pod."""
    node: str | None = None
    """Name of the node."""
    ray_cluster: str | None = None
    """Name of the RayCluster that was made for the attempt."""


class AttemptStatus(ApiModel):
    """One attempt of the run."""

    LIST_KEYS: ClassVar = ("number",)

    number: int
    """Number of the attempt, from 1."""
    reason: str | None = None
    """How it ended, in one word."""
    exit_code: int | None = None
    """Exit code of the attempt."""
    elapsed_seconds: Seconds | None = None
    """Seconds that the pipeline itself ran."""
    failure_class: FailureClass | None = None
    """Class of the failure."""
    start_time: Timestamp
    """When the attempt was started."""
    completion_time: Timestamp | None = None
    """When its end was observed."""
    worker: Worker | None = None
    """Where it ran."""
    commit: str | None = None
    """Commit that code.git was resolved to."""


class Stopping(ApiModel):
    """Why the attempt under way is to end; recorded before it is told."""

    cause: StopCause
    """Suspend, Drain and Terminate were asked for; ImagePullFailed: it can never start; the others
    are deadlines that have passed."""
    time: Timestamp
    """When it was decided."""
    message: Annotated[str, Field(max_length=MESSAGE_LIMIT)] = ""
    """The same for people."""
    failure: Failure | None = None
    """Why it can never start, if so."""


class Verdict(ApiModel):
    """How a run ends, decided before its finally stages start; they never change it."""

    phase: Phase
    """Succeeded, Failed or Cancelled."""
    reason: Annotated[str, Field(max_length=128)]
    """Why, in one word."""
    message: Annotated[str, Field(max_length=MESSAGE_LIMIT)] = ""
    """Why, for people."""
    exit_code: int
    """Exit code of the last attempt."""
    elapsed_seconds: Seconds = 0.0
    """Seconds that the pipeline itself ran in the last attempt."""
    failure: Failure | None = None
    """Why the last attempt failed."""
    attempt: int = 0
    """Number of the last attempt; 0 if none was started."""


class FinallyStageStatus(ApiModel):
    """How a finally stage fares."""

    LIST_KEYS: ClassVar = ("name",)

    name: str
    """Name of the stage."""
    state: StageState = "Pending"
    """Pending, Running, Succeeded, Failed, or Stopped when it was ended."""
    seconds: Seconds = 0.0
    """Time spent in it."""


class FinallyStatus(ApiModel):
    """How the finally stages fare."""

    state: FinallyState
    """Pending, Starting, Running, Stopping once their deadline has passed or their image cannot be
    pulled, Succeeded or Failed."""
    execution: Annotated[int, Field(ge=0)] = 0
    """How often they were handed out; more than once only where the infrastructure lost them."""
    exit_code: int | None = None
    """Exit code of the first stage that failed, else 0."""
    elapsed_seconds: Seconds | None = None
    """Seconds that the stages themselves ran."""
    start_time: Timestamp
    """When the pipeline's end was recorded. The deadline counts from here."""
    completion_time: Timestamp | None = None
    """When their end was observed."""
    worker: Worker | None = None
    """Where they run or ran."""
    stages: list[FinallyStageStatus] = Field(default_factory=list, max_length=MAX_FINALLY)
    """How each of them fares."""
    failure: Failure | None = None
    """Why the first one failed, or none could start."""


class PipelineRunStatus(ApiModel):
    """What was observed of the run."""

    phase: Phase | None = None
    """Pending, Suspended, Starting, Running, Stopping, Finishing (the finally stages run),
    Succeeded, Failed or Cancelled."""
    exit_code: int | None = None
    """Exit code of the last attempt: 0 success, 1 pipeline error, 2 invalid definition,
    124 deadline, 125 the pipeline could not be started, 128+N killed by signal N,
    anything else the pipeline's own sys.exit(n)."""
    elapsed_seconds: Seconds | None = None
    """Seconds that the pipeline itself ran in the last attempt."""
    start_time: Timestamp | None = None
    """When the first attempt was started, or the first one since the run was suspended."""
    completion_time: Timestamp | None = None
    """When the run was finished."""
    observed_generation: int | None = None
    """Generation of the spec that this status was computed from."""
    progress: str | None = None
    """Stages finished of all stages, for example 3/7."""
    attempt: int | None = None
    """Number of the last attempt."""
    attempts: list[AttemptStatus] = Field(default_factory=list, max_length=MAX_ATTEMPTS_KEPT)
    """The last attempts, oldest first."""
    next_attempt_time: Timestamp | None = None
    """When the back-off ends and the next attempt may start."""
    stopping: Stopping | None = None
    """Why the attempt under way is to end, if it is."""
    user_failures: int | None = None
    """Attempts that count against retries.limit."""
    infrastructure_failures: int | None = None
    """Attempts that the infrastructure failed; they do not eat the user's retries."""
    ignored_failures: int | None = None
    """Attempts whose failure counts against nothing, by a rule."""
    worker: Worker | None = None
    """Where the last attempt runs or ran."""
    stages: list[StageStatus] = Field(default_factory=list, max_length=MAX_STAGES)
    """Stages of the last attempt."""
    failure: Failure | None = None
    """Why the last attempt failed."""
    verdict: Verdict | None = None
    """How the run will end, while its finally stages run."""
    finally_: FinallyStatus | None = Field(None, alias="finally")
    """How the finally stages fare, if there are any and the pipeline has ended."""
    conditions: list[Condition] = Field(default_factory=list, max_length=16)
    """Succeeded, Ready, Reconciling, Stalled and Suspended."""
