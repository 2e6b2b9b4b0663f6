"""The pipeline definition: stages, edges, runtime settings and declared parameters."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipelinerun.api.fields import Name, Share
from pipelinerun.api.model import ApiModel
from pipelinerun.api.names import MAX_FINALLY, MAX_STAGES
from pipelinerun.api.rules import Rule
from pipelinerun.api.stage import DeadLetterPlace, FinallyStage, Stage

ParamType = Literal["string", "integer", "number", "boolean"]


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
