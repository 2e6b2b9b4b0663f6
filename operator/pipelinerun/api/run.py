"""The PipelineRun resource: spec and status."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from pipelinerun.api.definition import Code, Name, PipelineDefinition
from pipelinerun.api.model import ApiModel
from pipelinerun.api.names import API_VERSION, KIND, MAX_STAGES
from pipelinerun.api.rules import Rule

Mode = Literal["Subprocess", "InProcess"]
Phase = Literal["Pending", "Starting", "Running", "Succeeded", "Failed"]
StageState = Literal["Pending", "Running", "Succeeded", "Failed", "Stopped"]
FailureClass = Literal["User", "Config", "OutOfMemory", "Timeout", "Infrastructure", "Cancelled"]
ConditionType = Literal["Succeeded", "Ready", "Reconciling", "Stalled"]

TERMINAL_PHASES: frozenset[Phase] = frozenset({"Succeeded", "Failed"})
MAX_ATTEMPTS_KEPT = 10
MESSAGE_LIMIT = 1024
TAIL_LIMIT = 2048

Seconds = Annotated[float, Field(ge=0)]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class ParamValue(ApiModel):
    """A parameter given to the run."""

    LIST_KEYS: ClassVar = ("name",)

    name: Name
    """Name of the parameter."""
    value: Annotated[str, Field(max_length=4096)]
    """Value, as text."""


class Backoff(ApiModel):
    """How long to wait before the next attempt: initial x factor^n, at most max."""

    initial_seconds: Annotated[float, Field(ge=0, le=86400)] = 10.0
    """Wait before the second attempt."""
    factor: Annotated[float, Field(ge=1, le=10)] = 2.0
    """What the wait is multiplied with after each attempt."""
    max_seconds: Annotated[float, Field(ge=0, le=86400)] = 300.0
    """Longest wait."""


class Retries(ApiModel):
    """How often to try again. Failures of the infrastructure never eat the user's budget."""

    limit: Annotated[int, Field(ge=0, le=1000)] = 0
    """Further attempts after failures of the pipeline itself (User, OutOfMemory)."""
    infrastructure_limit: Annotated[int, Field(ge=0, le=1000)] = 3
    """Further attempts after failures of the infrastructure, such as an operator restart."""
    backoff: Backoff = Field(default_factory=Backoff)
    """How long to wait before the next attempt."""


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
    """Seconds that a pipeline in a worker pod gets to end by itself when it is told to stop."""


class Condition(ApiModel):
    """A standard Kubernetes condition."""

    LIST_KEYS: ClassVar = ("type",)

    type: ConditionType
    """Succeeded tells how the run ended; Ready, Reconciling and Stalled follow kstatus."""
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


class PipelineRunStatus(ApiModel):
    """What was observed of the run."""

    phase: Phase | None = None
    """Pending, Starting, Running, Succeeded or Failed."""
    exit_code: int | None = None
    """Exit code of the last attempt: 0 success, 1 pipeline error, 2 invalid definition,
    124 deadline, 125 the pipeline could not be started, 128+N killed by signal N,
    anything else the pipeline's own sys.exit(n)."""
    elapsed_seconds: Seconds | None = None
    """Seconds that the pipeline itself ran in the last attempt."""
    start_time: Timestamp | None = None
    """When the first attempt was started."""
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
    infrastructure_failures: int | None = None
    """Attempts that the infrastructure failed; they do not eat the user's retries."""
    worker: Worker | None = None
    """Where the last attempt runs or ran."""
    stages: list[StageStatus] = Field(default_factory=list, max_length=MAX_STAGES)
    """Stages of the last attempt."""
    failure: Failure | None = None
    """Why the last attempt failed."""
    conditions: list[Condition] = Field(default_factory=list, max_length=16)
    """Succeeded, Ready, Reconciling and Stalled."""


class ObjectMeta(ApiModel):
    """The part of the metadata that a manifest on disk may hold and that matters here."""

    model_config = ApiModel.model_config | {"extra": "ignore"}

    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class PipelineRun(ApiModel):
    """One execution of a data pipeline."""

    RULES: ClassVar = (
        Rule(
            "spec",
            "!has(oldSelf.status) || !(has(oldSelf.status.startTime)"
            " || has(oldSelf.status.completionTime)) || self.spec == oldSelf.spec",
            None,
            "cannot be changed once the run has started or was refused;"
            " apply a run with another name instead",
        ),
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
