"""The pipeline definition: stages, edges, runtime settings and declared parameters."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from pipelinerun.api.model import ApiModel
from pipelinerun.api.names import MAX_FINALLY, MAX_STAGES
from pipelinerun.api.patterns import (
    FOLDER_PATTERN,
    IMPORT_PATTERN,
    NAME_PATTERN,
    OBJECT_PATTERN,
    QUANTITY_PATTERN,
    REPOSITORY_PATTERN,
)
from pipelinerun.api.rules import Rule

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=63)]
ImportPath = Annotated[str, StringConstraints(pattern=IMPORT_PATTERN, max_length=253)]
ObjectName = Annotated[str, StringConstraints(pattern=OBJECT_PATTERN, max_length=253)]
Quantity = Annotated[str, StringConstraints(pattern=QUANTITY_PATTERN, max_length=32)]
Requirement = Annotated[str, Field(min_length=1, max_length=1024)]
TaskName = Annotated[str, Field(min_length=1, max_length=63)]
ParamType = Literal["string", "integer", "number", "boolean"]
StageType = Literal["source", "stage", "sink"]
DEFAULT_MAX_ERRORS = 100


_EITHER = Rule(
    "callable",
    "has(self.actor) != has(self.callable)",
    lambda it: (it.actor is None) != (it.callable is None),
    "exactly one of actor and callable is needed",
)


class Param(ApiModel):
    """A declared parameter, referred to as ``$(params.name)`` in any string of the definition."""

    LIST_KEYS: ClassVar = ("name",)

    name: Name
    """Name of the parameter."""
    type: ParamType = "string"
    """Type that the value is converted to where the reference is the whole string."""
    description: Annotated[str, Field(max_length=1024)] | None = None
    """What the parameter is for."""
    enum: Annotated[list[str], Field(min_length=1, max_length=64)] | None = None
    """Allowed values, as text."""
    default: Annotated[str, Field(max_length=4096)] | None = None
    """Value when the run gives none. A parameter without a default is required."""


MAX_REPLICAS = 10_000
Count = Annotated[int, Field(ge=1, le=MAX_REPLICAS)]
Share = Annotated[float, Field(ge=0, le=1)]


class CpuPercentage(ApiModel):
    """As many replicas as a share of Ray's CPUs comes to, rounded down; at least 1."""

    share: Share
    """Share of the CPUs, from 0 to 1."""
    limit: Count | None = None
    """Upper bound."""


class MemoryThresholding(ApiModel):
    """As many replicas as fit into a share of the memory that Ray has; at least 1."""

    memory_per_replica: Quantity
    """What one replica needs, for example 10Gi."""
    threshold: Share | None = None
    """Share of the memory, from 0 to 1. When left out dynamicMemoryThreshold of the runtime, or
    staticMemoryThreshold where dynamic scaling is disabled; 0.75 when that is left out too."""
    limit: Count | None = None
    """Upper bound."""


class MemoryStaticGlobalPercent(ApiModel):
    """As memoryThresholding, but without dynamic scaling all such stages share the memory.

    When they want more together, each is scaled down, to no less than 1.
    """

    memory_per_replica: Quantity
    """What one replica needs, for example 10Gi."""
    budget: Quantity | None = None
    """Memory for this stage, if that is less than the share that the runtime's threshold gives."""
    limit: Count | None = None
    """Upper bound."""


class ReplicaStrategy(ApiModel):
    """How a number of replicas is worked out when the run starts: exactly one way."""

    RULES: ClassVar = (
        Rule(
            "",
            "has(self.cpuPercentage)"
            " ? !has(self.memoryThresholding) && !has(self.memoryStaticGlobalPercent)"
            " : has(self.memoryThresholding) != has(self.memoryStaticGlobalPercent)",
            lambda it: it.ways == 1,
            "exactly one of cpuPercentage, memoryThresholding and memoryStaticGlobalPercent is"
            " needed",
        ),
    )

    cpu_percentage: CpuPercentage | None = None
    """By a share of the CPUs that Ray has."""
    memory_thresholding: MemoryThresholding | None = None
    """By a share of the memory that Ray has."""
    memory_static_global_percent: MemoryStaticGlobalPercent | None = None
    """By a share of the memory, which all such stages share where dynamic scaling is disabled."""

    @property
    def ways(self) -> int:
        """How many ways are given; one in a valid definition."""
        given = (self.cpu_percentage, self.memory_thresholding, self.memory_static_global_percent)
        return sum(it is not None for it in given)


class Replicas(ApiModel):
    """How many copies of a stage run at once."""

    RULES: ClassVar = (
        Rule(
            "min",
            "!has(self.max) || !has(self.min) || self.min <= self.max",
            lambda it: it.max is None or it.min is None or it.min <= it.max,
            "must not exceed max",
        ),
        Rule(
            "minBy",
            "!has(self.min) || !has(self.minBy)",
            lambda it: it.min is None or it.min_by is None,
            "does not go with min",
        ),
        Rule(
            "maxBy",
            "!has(self.max) || !has(self.maxBy)",
            lambda it: it.max is None or it.max_by is None,
            "does not go with max",
        ),
        Rule(
            "staticBy",
            "!has(self.static) || !has(self.staticBy)",
            lambda it: it.static is None or it.static_by is None,
            "does not go with static",
        ),
    )

    min: Count | None = None
    """Replicas kept while the stage has work; 1 when left out. Stateful stages only scale
    between min and max; for functions max bounds the concurrent tasks."""
    min_by: ReplicaStrategy | None = None
    """The same, worked out when the run starts."""
    max: Count | None = None
    """Upper bound; as many as the resources allow when left out."""
    max_by: ReplicaStrategy | None = None
    """The same, worked out when the run starts; never less than the minimum."""
    static: Count | None = None
    """Exact number when dynamic scaling is disabled; that of max (else min, else 1) when left
    out."""
    static_by: ReplicaStrategy | None = None
    """The same, worked out when the run starts."""


class StageResources(ApiModel):
    """What one replica of a stage reserves on Ray."""

    RULES: ClassVar = (
        Rule(
            "gpus",
            "!has(self.gpus) || self.gpus < 1.0 || self.gpus == double(int(self.gpus))",
            lambda it: it.gpus is None or it.gpus < 1 or it.gpus == int(it.gpus),
            "more than one must be a whole number",
        ),
    )

    cpus: Annotated[float, Field(ge=0, le=1024)] | None = None
    """CPUs, fractions allowed. When left out 1, but classes leave a whole one for functions."""
    gpus: Annotated[float, Field(ge=0, le=1024)] | None = None
    """GPUs: a fraction of one, or whole ones."""
    memory: Quantity | None = None
    """Memory as a Kubernetes quantity, for example 512Mi."""


class TaskMatch(ApiModel):
    """Tasks of a name that have certain properties."""

    task: TaskName
    """Name of the tasks."""
    properties: dict[str, Any]
    """What the task's own properties have to be; it may have more. Free-form: values as they are,
    "regex:…" for text that begins with what the regular expression matches, "*" for any value."""


class Stage(ApiModel):
    """One step of a pipeline: a source yields rows, a stage transforms them, a sink keeps them."""

    LIST_KEYS: ClassVar = ("name",)
    RULES: ClassVar = (
        _EITHER,
        Rule(
            "batchSize",
            "!has(self.batchSize) || (has(self.per) && self.per == 'Batch')",
            lambda it: it.batch_size is None or it.per == "Batch",
            "only goes with per: Batch",
        ),
        Rule(
            "batchFormat",
            "!has(self.batchFormat) || (has(self.per) && self.per == 'Batch')",
            lambda it: it.batch_format is None or it.per == "Batch",
            "only goes with per: Batch",
        ),
        Rule(
            "per",
            "!has(self.type) || self.type != 'source' || !has(self.per)",
            lambda it: it.type != "source" or it.per is None,
            "a source is called once, not per row or batch",
        ),
        Rule(
            "replicas",
            "!has(self.type) || self.type != 'source' || !has(self.replicas)",
            lambda it: it.type != "source" or it.replicas is None,
            "a source has no replicas; readers take their own arguments in config",
        ),
        Rule(
            "checkpoint",
            "!has(self.type) || self.type != 'sink' || !has(self.checkpoint)",
            lambda it: it.type != "sink" or it.checkpoint is None,
            "a sink puts out no rows that could be kept",
        ),
        Rule(
            "taskFilters",
            "!has(self.type) || self.type != 'source' || !has(self.taskFilters)",
            lambda it: it.type != "source" or not it.task_filters,
            "a source is given no rows that could be selected",
        ),
        Rule(
            "taskMatches",
            "!has(self.type) || self.type != 'source' || !has(self.taskMatches)",
            lambda it: it.type != "source" or not it.task_matches,
            "a source is given no rows that could be selected",
        ),
        Rule(
            "onError",
            "!has(self.type) || self.type != 'source' || !has(self.onError)"
            " || self.onError == 'Fail'",
            lambda it: it.type != "source" or it.on_error == "Fail",
            "a source is called once; what it raises cannot be passed over",
        ),
        Rule(
            "maxErrors",
            "!has(self.maxErrors) || (has(self.onError) && self.onError != 'Fail')",
            lambda it: it.max_errors is None or it.on_error != "Fail",
            "only goes with onError: Skip or DeadLetter",
        ),
    )

    name: Name
    """Name of the stage, unique in the pipeline."""
    type: StageType = "stage"
    """source yields rows, stage transforms them, sink keeps them."""
    actor: ImportPath | None = None
    """Class as package.module:Class. Made once per replica with config as keyword arguments,
    then called with each row or batch."""
    callable: ImportPath | None = None
    """Function as package.module:function, called with each row or batch and config as keyword
    arguments. For a source it may be a reader such as ray.data:read_parquet; for a sink a writer
    such as ray.data:Dataset.write_parquet."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments for the class or function. Free-form."""
    enabled: bool = True
    """false takes the stage out of the pipeline and joins its neighbours."""
    phase: Annotated[int, Field(ge=0, le=7)] | None = None
    """Processing phase: 0 pre-processing, 1 extraction, 2 post-processing, 3 mutation,
    4 transform, 5 response, 6 telemetry, 7 drain. Phases must not go backwards along the edges."""
    runs_after: Annotated[list[Name], Field(max_length=MAX_STAGES)] = Field(default_factory=list)
    """Stages that must be upstream of this one."""
    replicas: Replicas | None = None
    """How many copies of the stage run at once."""
    resources: StageResources | None = None
    """What one replica reserves on Ray."""
    per: Literal["Row", "Batch"] | None = None
    """Whether the stage is called with one row (a dict) or a batch of rows. Row when left out,
    but for a sink that takes the whole dataset."""
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Rows in a batch; 1024 when left out."""
    batch_format: Literal["numpy", "pandas", "pyarrow"] | None = None
    """Type of a batch: numpy (a dict of arrays, the default), pandas or pyarrow."""
    checkpoint: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """Folder, or URI such as s3://bucket/folder, where the rows that the stage puts out are kept as
    Parquet. The stages after it start once all rows are there; resumeFrom can start from them."""
    task_filters: Annotated[list[TaskName], Field(min_length=1, max_length=64)] | None = None
    """Tasks that the stage is for. It acts on rows whose column tasks has one of them, and others
    pass by. All rows when this and taskMatches are left out."""
    task_matches: Annotated[list[TaskMatch], Field(min_length=1, max_length=64)] | None = None
    """Further tasks that the stage is for, by name and properties."""
    on_error: Literal["Fail", "Skip", "DeadLetter"] = "Fail"
    """What follows when a call raises an exception. Fail ends the run. Skip goes on without the row
    or batch. DeadLetter does so as well, and gives it to deadLetters with the exception."""
    max_errors: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    """Calls of the stage that may raise in an attempt; one more fails the run. 100 by default."""

    @property
    def import_path(self) -> str:
        """Where the code is, whichever of actor and callable names it."""
        return self.actor or self.callable or ""

    @property
    def selects(self) -> bool:
        """Whether it acts on some rows, and others pass by."""
        return bool(self.task_filters or self.task_matches)

    @property
    def error_limit(self) -> int:
        """How many calls may raise without failing the run, unless any does."""
        return DEFAULT_MAX_ERRORS if self.max_errors is None else self.max_errors


class DeadLetterPlace(ApiModel):
    """Where rows go that stages with onError DeadLetter fail on: files, or code that takes them."""

    RULES: ClassVar = (
        Rule(
            "",
            "has(self.path) ? !has(self.callable) && !has(self.actor)"
            " : has(self.callable) != has(self.actor)",
            lambda it: sum(way is not None for way in (it.path, it.callable, it.actor)) == 1,
            "exactly one of path, callable and actor is needed",
        ),
        Rule(
            "config",
            "!has(self.config) || !has(self.path)",
            lambda it: it.path is None or not it.config,
            "does not go with path",
        ),
    )

    path: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """Folder, or URI such as s3://bucket/folder. Each attempt has a folder of its own below it,
    with JSON lines."""
    callable: ImportPath | None = None
    """Function as package.module:function, called with each dead letter, a dict, and config as
    keyword arguments."""
    actor: ImportPath | None = None
    """Class as package.module:Class. Made in each process that has dead letters, with config as
    keyword arguments, then called with each."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments for the class or function. Free-form."""

    @property
    def sink(self) -> Stage | None:
        """What takes the dead letters, as a sink that is called with each; None for files."""
        if self.path is not None:
            return None
        return Stage(
            name="dead-letters",
            type="sink",
            actor=self.actor,
            callable=self.callable,
            config=self.config,
        )


class FinallyStage(ApiModel):
    """Code that is called once when the run has ended, however it ended."""

    LIST_KEYS: ClassVar = ("name",)
    RULES: ClassVar = (_EITHER,)

    name: Name
    """Name of the stage, unique in the pipeline."""
    actor: ImportPath | None = None
    """Class as package.module:Class. Made with config as keyword arguments, then called."""
    callable: ImportPath | None = None
    """Function as package.module:function, called with config as keyword arguments."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments for the class or function. Free-form. How the run has ended is in the
    context, which is given to what has a parameter of that name."""

    @property
    def import_path(self) -> str:
        """Where the code is, whichever of actor and callable names it."""
        return self.actor or self.callable or ""


class Edge(ApiModel):
    """A connection between two stages."""

    LIST_KEYS: ClassVar = ("from", "to")
    RULES: ClassVar = (
        Rule(
            "to",
            "self.from != self.to",
            lambda it: it.from_ != it.to,
            "an edge must join two different stages",
        ),
    )

    from_: Annotated[Name, Field(alias="from")]
    """Stage that the rows come from."""
    to: Name
    """Stage that the rows go to."""
    queue_size: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """Rows that may be on their way over the edge before nothing more is brought to it: put out by
    the stage they come from, and not yet worked on by the other. All edges into a stage have it
    or none, and share the sum. Memory alone is the limit when left out."""


class Runtime(ApiModel):
    """Settings of the whole pipeline's execution."""

    disable_dynamic_scaling: bool = False
    """true runs every stage with its static number of replicas."""
    dynamic_memory_threshold: Share | None = None
    """Share of Ray's object store that rows in flight may fill before sources are held back;
    Ray Data's own default when left out."""
    static_memory_threshold: Share | None = None
    """Share of Ray's memory that stages with memoryStaticGlobalPercent may need together when
    dynamic scaling is disabled; 0.75 when left out."""


class PipelineDefinition(ApiModel):
    """What to run: stages in a line or joined by edges."""

    RULES: ClassVar = (
        Rule(
            "stages",
            "self.stages.exists(s, has(s.type) && s.type == 'source')",
            None,
            "at least one stage must be a source",
        ),
        Rule(
            "stages",
            "self.stages.exists(s, has(s.type) && s.type == 'sink')",
            None,
            "at least one stage must be a sink",
        ),
        *(
            Rule(
                "edges",
                "!has(self.edges) || sets.contains("
                f"self.stages.map(s, s.name), self.edges.map(e, e.{end}))",
                None,
                f"an edge's {end} names a stage that does not exist",
            )
            # One lookup of a set: a loop over stages in a loop over edges is beyond the API
            # server's budget at 500 of each.
            for end in ("from", "to")
        ),
        Rule(
            "finally",
            "!has(self.finally) || !sets.intersects("
            "self.stages.map(s, s.name), self.finally.map(f, f.name))",
            None,
            "a name is taken by another stage already",
        ),
        Rule(
            "deadLetters",
            "has(self.deadLetters) || !self.stages.exists(s,"
            " has(s.onError) && s.onError == 'DeadLetter')",
            lambda it: (
                it.dead_letters is not None
                or all(stage.on_error != "DeadLetter" for stage in it.stages)
            ),
            "is required where a stage has onError: DeadLetter",
        ),
    )

    name: Name | None = None
    """Name of the pipeline, for people."""
    description: Annotated[str, Field(max_length=4096)] | None = None
    """What the pipeline does, for people."""
    params: Annotated[list[Param], Field(max_length=64)] = Field(default_factory=list)
    """Parameters that a run may give."""
    stages: Annotated[list[Stage], Field(min_length=1, max_length=MAX_STAGES)]
    """Steps of the pipeline. Without edges they form a line in the order written."""
    edges: Annotated[list[Edge], Field(max_length=MAX_STAGES)] = Field(default_factory=list)
    """Connections between the stages: any graph without cycles from sources to sinks. A stage with
    several before it is given the rows of all, and one with several behind it gives its rows to
    each. May be left out when the stages form a line."""
    finally_: Annotated[list[FinallyStage], Field(max_length=MAX_FINALLY)] = Field(
        default_factory=list, alias="finally"
    )
    """What is called once, in this order, when the run has ended: after success, after the last
    failed attempt, and when it was cancelled or late. It never changes how the run ends."""
    report: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """File, or URI such as s3://bucket/report.json, where a JSON report of each attempt is written
    when it has ended: stages, edges, rows, seconds, memory, errors and how it ended."""
    dead_letters: DeadLetterPlace | None = None
    """Where rows go that stages with onError DeadLetter fail on: files, or code that takes them."""
    runtime: Runtime = Field(default_factory=Runtime)
    """Settings of the whole pipeline's execution."""


class GitSource(ApiModel):
    """Python modules in a Git repository."""

    url: Annotated[str, StringConstraints(pattern=REPOSITORY_PATTERN, max_length=1024)]
    """Repository, such as https://git.example.org/team/steps.git, or over ssh
    git@git.example.org:team/steps.git."""
    ref: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Branch, tag, or commit with all its 40 digits; the repository's HEAD when left out. Each
    attempt resolves it anew, and status.attempts says to which commit."""
    subdirectory: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Folder whose files are imported by their path below it; the root when left out."""
    secret_ref: ObjectName | None = None
    """Secret in the run's namespace: with username and password (or a token as password), such as
    one of type kubernetes.io/basic-auth; over ssh with ssh-privatekey, such as one of type
    kubernetes.io/ssh-auth, and known_hosts. Only its worker pods are given it; needs mode
    Subprocess."""

    @property
    def over_ssh(self) -> bool:
        """Whether it is reached over ssh, and not http."""
        return not self.url.startswith("http")


class Uv(ApiModel):
    """Packages that uv installs: those of a list, or of a project's lock file."""

    RULES: ClassVar = (
        Rule(
            "packages",
            "has(self.packages) != has(self.project)",
            lambda it: (it.packages is None) != (it.project is None),
            "exactly one of packages and project is required",
        ),
        Rule(
            "groups",
            "!has(self.groups) || size(self.groups) == 0 || has(self.project)",
            lambda it: not it.groups or it.project is not None,
            "are of a project, and there is none",
        ),
        Rule(
            "extras",
            "!has(self.extras) || size(self.extras) == 0 || has(self.project)",
            lambda it: not it.extras or it.project is not None,
            "are of a project, and there is none",
        ),
    )

    packages: Annotated[list[Requirement], Field(min_length=1, max_length=128)] | None = None
    """Packages that the image lacks, as lines of a requirements file, such as inflect==7.5.0."""
    project: Annotated[str, StringConstraints(pattern=FOLDER_PATTERN, max_length=253)] | None = None
    """Folder of code.git with a pyproject.toml, . for its root. What its uv.lock names is
    installed, exactly, with hashes; the project itself is not: its modules are the run's code."""
    groups: Annotated[list[Name], Field(max_length=64)] = Field(default_factory=list)
    """Dependency groups of the project to install as well; none by default, not even dev."""
    extras: Annotated[list[Name], Field(max_length=64)] = Field(default_factory=list)
    """Optional dependencies of the project to install as well."""


class Code(ApiModel):
    """Stage code that comes with the run, besides what the image holds."""

    RULES: ClassVar = (
        Rule(
            "uv",
            "!has(self.uv) || !has(self.pip) || size(self.pip) == 0",
            lambda it: it.uv is None or not it.pip,
            "takes the place of pip: give one of them",
        ),
        Rule(
            "uv.project",
            "!has(self.uv) || !has(self.uv.project) || has(self.git)",
            lambda it: it.uv is None or it.uv.project is None or it.git is not None,
            "is a folder of code.git, which is missing",
        ),
    )

    files: Annotated[Mapping[str, str], Field(max_length=64)] = Field(default_factory=dict)
    """Python modules by relative path, for example steps.py or text/clean.py."""
    pip: Annotated[list[Requirement], Field(max_length=128)] = Field(default_factory=list)
    """Packages that the image lacks, as lines of a pip requirements file, such as inflect==7.5.0 or
    --index-url URL. They are installed when an attempt starts, unless they are cached."""
    uv: Uv | None = None
    """Packages that the image lacks, installed by uv instead of pip: a list or a locked project."""
    git: GitSource | None = None
    """Git repository with further modules, fetched when an attempt starts."""
    config_map: ObjectName | None = None
    """ConfigMap in the run's namespace with further modules: its keys that end in .py, such as
    steps.py. Each attempt has them as they are when it starts."""
