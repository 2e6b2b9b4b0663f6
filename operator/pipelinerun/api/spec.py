"""What a run asks for: the spec of a PipelineRun."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from pipelinerun.api.code import Code
from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.fields import Name
from pipelinerun.api.metadata import TemplateMetadata
from pipelinerun.api.model import ApiModel
from pipelinerun.api.ray import Ray
from pipelinerun.api.rules import Rule
from pipelinerun.api.status import FailureClass

Mode = Literal["Subprocess", "InProcess"]
Shutdown = Literal["Drain", "Terminate"]
RetryAction = Literal["Retry", "Fail", "Ignore"]
ExitStatus = Annotated[int, Field(ge=1, le=255)]
ExceptionName = Annotated[str, Field(max_length=256)]
MAX_SECONDS = 2**31 - 1
Limit = Annotated[int, Field(ge=1, le=MAX_SECONDS)]

FINALLY_DEADLINE = 300


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


class PodTemplate(ApiModel):
    """What the worker pod has besides, or instead of, what the operator gives it."""

    metadata: TemplateMetadata = Field(default_factory=TemplateMetadata)
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
            "finally_deadline_seconds",
        }
    )
    """Fields that may change once the run has started; all others may not."""
    ALWAYS_CHANGEABLE: ClassVar = frozenset({"ttl_seconds_after_finished"})
    """Fields that may change even once the run has finished."""
    RULES: ClassVar = (
        Rule(
            "shutdown",
            "!has(oldSelf.shutdown) || (has(self.shutdown)"
            " && (self.shutdown == oldSelf.shutdown || self.shutdown == 'Terminate'))",
            None,
            "can only become stronger: from Drain to Terminate, and never back",
        ),
        Rule(
            "code.git.secretRef",
            "!has(self.mode) || self.mode != 'InProcess' || !has(self.code) || !has(self.code.git)"
            " || !has(self.code.git.secretRef)",
            lambda it: it.mode != "InProcess" or it.code.git is None or not it.code.git.secret_ref,
            "needs mode Subprocess: the operator's own pod is given no secrets of runs",
        ),
        Rule(
            "resumeFrom",
            "!has(self.resumeFrom) || self.pipeline.stages.exists(s, s.name == self.resumeFrom)",
            None,
            "names a stage that does not exist",
        ),
        Rule(
            "resumeFrom",
            "!has(self.resumeFrom) || self.pipeline.stages.exists(s, has(s.checkpoint))",
            None,
            "the stage before it has no checkpoint",
        ),
        Rule(
            "ray",
            "!has(self.ray) || !has(self.ray.tokenSecret) || self.mode == 'Subprocess'",
            lambda it: it.ray.token_secret is None or it.mode == "Subprocess",
            "has a tokenSecret, which needs mode: Subprocess, since the operator reads no Secrets",
        ),
    )

    mode: Mode = "Subprocess"
    """Subprocess: a dedicated worker pod that runs the pipeline in a child process.
    InProcess: on the operator's own warm Ray, only in namespaces the operator allows."""
    pipeline: PipelineDefinition
    """Definition of the pipeline."""
    params: Annotated[list[ParamValue], Field(max_length=64)] = Field(default_factory=list)
    """Values for $(params.name) in the definition."""
    resume_from: Name | None = None
    """Stage to start at, with the rows that a run before kept in the checkpoint of the stage before
    it, or of each of them. Stages that only lead there are skipped."""
    code: Code = Field(default_factory=Code)
    """Stage code that comes with the run."""
    ray: Ray = Field(default_factory=Ray)
    """Which Ray executes the pipeline."""
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
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=MAX_SECONDS)] | None = None
    """Seconds after completionTime at which the run is deleted, and its pods with it. May be
    changed at any time, also once the run has finished. Without it the run stays."""
    finally_deadline_seconds: Limit = FINALLY_DEADLINE
    """Seconds that the finally stages may take together, from the end of the pipeline; waiting for
    a node is in it."""
