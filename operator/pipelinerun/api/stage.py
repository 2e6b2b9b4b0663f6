"""The stages of a pipeline, and where the rows go that they fail on."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from pipelinerun.api.fields import Name, Quantity
from pipelinerun.api.model import ApiModel
from pipelinerun.api.names import MAX_STAGES
from pipelinerun.api.patterns import IMPORT_PATTERN
from pipelinerun.api.replicas import Replicas
from pipelinerun.api.rules import Rule

DEFAULT_MAX_ERRORS = 100

StageType = Literal["source", "stage", "sink"]
ImportPath = Annotated[str, StringConstraints(pattern=IMPORT_PATTERN, max_length=253)]
TaskName = Annotated[str, Field(min_length=1, max_length=63)]

_EITHER = Rule(
    "callable",
    "has(self.actor) != has(self.callable)",
    lambda it: (it.actor is None) != (it.callable is None),
    "exactly one of actor and callable is needed",
)


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
