"""The PipelineRun resource: spec and status."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from pipelinerun.api.definition import Code, Name, PipelineDefinition
from pipelinerun.api.model import ApiModel
from pipelinerun.api.names import API_VERSION, KIND, MAX_STAGES
from pipelinerun.api.rules import Rule

Mode = Literal["Subprocess", "InProcess"]
Phase = Literal[
    "Pending",
    "Suspended",
    "Starting",
    "Running",
    "Stopping",
    "Succeeded",
    "Failed",
    "Cancelled",
]
Shutdown = Literal["Drain", "Terminate"]
StopCause = Literal[
    "Suspend", "Drain", "Terminate", "ActiveDeadline", "AttemptDeadline", "PendingDeadline"
]
StageState = Literal["Pending", "Running", "Succeeded", "Failed", "Stopped"]
FailureClass = Literal["User", "Config", "OutOfMemory", "Timeout", "Infrastructure", "Cancelled"]
ConditionType = Literal["Succeeded", "Ready", "Reconciling", "Stalled", "Suspended"]

TERMINAL_PHASES: frozenset[Phase] = frozenset({"Succeeded", "Failed", "Cancelled"})
UNDER_WAY_PHASES: frozenset[Phase] = frozenset({"Starting", "Running", "Stopping"})
"""Phases in which there may be an execution."""
MAX_ATTEMPTS_KEPT = 10
MESSAGE_LIMIT = 1024
TAIL_LIMIT = 2048

RetryAction = Literal["Retry", "Fail", "Ignore"]
ExitStatus = Annotated[int, Field(ge=1, le=255)]
ExceptionName = Annotated[str, Field(max_length=256)]
Seconds = Annotated[float, Field(ge=0)]
Limit = Annotated[int, Field(ge=1)]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class ParamValue(ApiModel):
    """A parameter given to the run."""

    LIST_KEYS: ClassVar = ("name",)

    name: Name
    """Name of the parameter."""
    value: Annotated[str, Field(max_length=4096)]
    """Value, as text."""


class Backoff(ApiModel):
    """How long to wait before the next attempt: initial x factor^n, at most max, less jitter."""

    initial_seconds: Annotated[float, Field(ge=0, le=86400)] = 10.0
    """Wait before the second attempt."""
    factor: Annotated[float, Field(ge=1, le=10)] = 2.0
    """What the wait is multiplied with after each attempt."""
    max_seconds: Annotated[float, Field(ge=0, le=86400)] = 300.0
    """Longest wait."""
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Up to this share of a wait is taken off, so that runs that failed together do not come back
    together. The same attempt of the same run always waits equally long."""


class RetryRule(ApiModel):
    """What follows from a failure that meets all the criteria given."""

    RULES: ClassVar = (
        Rule(
            "",
            "has(self.exitCodes) || has(self.failureClasses) || has(self.stages)"
            " || has(self.exceptions)",
            lambda it: any(
                given is not None
                for given in (it.exit_codes, it.failure_classes, it.stages, it.exceptions)
            ),
            "needs at least one criterion: exitCodes, failureClasses, stages or exceptions",
        ),
    )

    exit_codes: Annotated[list[ExitStatus], Field(min_length=1, max_length=64)] | None = None
    """The exit code is one of these."""
    failure_classes: Annotated[list[FailureClass], Field(min_length=1, max_length=6)] | None = None
    """The class of the failure is one of these."""
    stages: Annotated[list[Name], Field(min_length=1, max_length=64)] | None = None
    """The stage that failed is one of these."""
    exceptions: Annotated[list[ExceptionName], Field(min_length=1, max_length=64)] | None = None
    """The type of the exception is one of these, such as ValueError."""
    action: RetryAction
    """Retry: try again while retries.limit allows it. Fail: end the run. Ignore: try again, and do
    not count it; the back-off grows nevertheless."""


class Retries(ApiModel):
    """How often to try again. Failures of the infrastructure never eat the user's budget."""

    limit: Annotated[int, Field(ge=0, le=1000)] = 0
    """Further attempts after failures of the pipeline itself (User, OutOfMemory), and after those
    that a rule says to retry."""
    infrastructure_limit: Annotated[int, Field(ge=0, le=1000)] = 3
    """Further attempts after failures of the infrastructure, such as an operator restart."""
    backoff: Backoff = Field(default_factory=Backoff)
    """How long to wait before the next attempt."""
    rules: Annotated[list[RetryRule], Field(max_length=20)] = Field(default_factory=list)
    """What to do about certain failures. The first rule that fits is followed; without one User and
    OutOfMemory are tried again within limit, and Infrastructure within infrastructureLimit."""


class PodMetadata(ApiModel):
    """Metadata of the worker pod."""

    labels: Annotated[Mapping[str, str], Field(max_length=64)] = Field(default_factory=dict)
    """Labels besides the operator's own."""
    annotations: Annotated[Mapping[str, str], Field(max_length=64)] = Field(default_factory=dict)
    """Annotations besides the operator's own."""


class PodTemplate(ApiModel):
    """What the worker pod has besides, or instead of, what the operator gives it."""

    metadata: PodMetadata = Field(default_factory=PodMetadata)
    """Labels and annotations."""
    spec: Mapping[str, Any] = Field(default_factory=dict)
    """A PodSpec, laid over the operator's: containers, volumes and environment variables by name.
    The pipeline runs in the container named pipeline. Free-form here; the API server checks it when
    the pod is created."""


class PipelineRunSpec(ApiModel):
    """What to run and how."""

    CHANGEABLE: ClassVar = frozenset(
        {
            *("suspend", "shutdown"),
            *("active_deadline_seconds", "pending_deadline_seconds", "attempt_deadline_seconds"),
        }
    )
    """Fields that may change once the run has started; all others may not."""
    RULES: ClassVar = (
        Rule(
            "shutdown",
            "!has(oldSelf.shutdown) || (has(self.shutdown)"
            " && (self.shutdown == oldSelf.shutdown || self.shutdown == 'Terminate'))",
            None,
            "can only become stronger: from Drain to Terminate, and never back",
        ),
    )

    mode: Mode = "Subprocess"
    """Subprocess: a dedicated worker pod that runs the pipeline in a child process.
    InProcess: on the operator's own warm Ray, only in namespaces the operator allows."""
    pipeline: PipelineDefinition
    """Definition of the pipeline."""
    params: Annotated[list[ParamValue], Field(max_length=64)] = Field(default_factory=list)
    """Values for $(params.name) in the definition."""
    code: Code = Field(default_factory=Code)
    """Stage code that comes with the run."""
    retries: Retries = Field(default_factory=Retries)
    """How often to try again."""
    pod_template: PodTemplate = Field(default_factory=PodTemplate)
    """Image, resources, volumes, tolerations and the like of the worker pod."""
    termination_grace_period_seconds: Annotated[int, Field(ge=0, le=86400)] = 30
    """Seconds that a pipeline gets to end by itself when it is told to; then it is killed."""
    suspend: bool = False
    """True holds the run: nothing starts, and an attempt that is under way is ended without
    counting as a failure. When it is false again the run starts anew. Default: false."""
    shutdown: Shutdown | None = None
    """Ends the run as Cancelled. Drain: the sources stop, and what is in flight reaches the sinks.
    Terminate: the pipeline is told to end, and killed after terminationGracePeriodSeconds."""
    active_deadline_seconds: Limit | None = None
    """Seconds that the run may take, with all its attempts, from startTime."""
    pending_deadline_seconds: Limit | None = None
    """Seconds that the run may wait for a place or a node until an attempt runs. Back-off and
    suspension are not counted."""
    attempt_deadline_seconds: Limit | None = None
    """Seconds that one attempt may take, from its start."""


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
    """Pending, Running, Succeeded, Failed, or Stopped when another stage failed."""
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


class Worker(ApiModel):
    """Where the last attempt runs or ran."""

    operator: str | None = None
    """Name of the operator instance, for in-process attempts."""
    pod: str | None = None
    """Name of the worker pod."""
    node: str | None = None
    """Name of the node."""


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


class Stopping(ApiModel):
    """Why the attempt under way is to end; recorded before it is told."""

    cause: StopCause
    """Suspend, Drain and Terminate were asked for; the others are deadlines that have passed."""
    time: Timestamp
    """When it was decided."""
    message: Annotated[str, Field(max_length=MESSAGE_LIMIT)] = ""
    """The same for people."""


class PipelineRunStatus(ApiModel):
    """What was observed of the run."""

    phase: Phase | None = None
    """Pending, Suspended, Starting, Running, Stopping, Succeeded, Failed or Cancelled."""
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
    conditions: list[Condition] = Field(default_factory=list, max_length=16)
    """Succeeded, Ready, Reconciling, Stalled and Suspended."""


class ObjectMeta(ApiModel):
    """The part of the metadata that a manifest on disk may hold and that matters here."""

    model_config = ApiModel.model_config | {"extra": "ignore"}

    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


def _fixed_fields() -> Iterator[Rule]:
    """A rule for each field of the spec, so that a new one is fixed unless it is said otherwise."""
    for name, field in PipelineRunSpec.model_fields.items():
        alias = field.alias or name
        now, before = f"self.spec.{alias}", f"oldSelf.spec.{alias}"
        same = f"{now} == {before}"
        if not field.is_required():
            # Optional values (`?`) would read better, but are estimated as too costly.
            same = f"(has({now}) == has({before}) && (!has({now}) || {same}))"
        finished = "has(oldSelf.status.completionTime)"
        if name in PipelineRunSpec.CHANGEABLE:
            until, message = finished, "cannot be changed once the run has finished"
        else:
            until = f"(has(oldSelf.status.startTime) || {finished})"
            message = (
                "cannot be changed once the run has started or was refused;"
                " apply a run with another name instead"
            )
        yield Rule(f"spec.{alias}", f"!has(oldSelf.status) || !{until} || {same}", None, message)


class PipelineRun(ApiModel):
    """One execution of a data pipeline."""

    RULES: ClassVar = (
        *_fixed_fields(),
        Rule(
            "status",
            "!has(oldSelf.status) || !has(oldSelf.status.completionTime)"
            " || (has(self.status) && self.status == oldSelf.status)",
            None,
            "a finished run never changes",
        ),
    )

    api_version: Literal["pipelinerun.dev/v1alpha1"] = API_VERSION
    """pipelinerun.dev/v1alpha1."""
    kind: Literal["PipelineRun"] = KIND
    """PipelineRun."""
    metadata: ObjectMeta = Field(default_factory=ObjectMeta)
    """Standard metadata."""
    spec: PipelineRunSpec
    """What to run and how."""
    status: PipelineRunStatus | None = None
    """What was observed of the run; written by the operator alone."""
