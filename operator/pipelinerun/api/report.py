"""The report of an attempt: what ran, how its stages are connected, and in figures how it went."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.model import ApiModel
from pipelinerun.api.names import API_VERSION
from pipelinerun.api.stage import StageType
from pipelinerun.api.status import Failure, Outcome, StageState, StageStatus
from pipelinerun.api.topology import links


class ReportedStage(ApiModel):
    """A stage with its figures; without a state it has not run."""

    name: str
    type: StageType
    code: str
    """Import path of its class or function."""
    state: StageState | None = None
    rows_in: int = 0
    rows_out: int = 0
    errors: int = 0
    seconds: float = 0.0
    """Time in its code, summed over its replicas."""
    rows_per_second: float | None = None
    """Rows that it took, or a source gave, per second of that time; None where none was measured,
    as with readers and writers of Ray Data."""
    replicas: int = 0
    peak_memory_bytes: int | None = None
    """Largest resident memory of a process that worked for it."""


class ReportedEdge(ApiModel):
    """A connection between two stages."""

    from_: Annotated[str, Field(alias="from")]
    to: str
    rows: int | None = None
    """Rows that the first stage put out; None if it has not run."""


class RunReport(ApiModel):
    """How an attempt of a run went."""

    api_version: Literal["pipelinerun.dev/v1alpha1"] = API_VERSION
    kind: Literal["PipelineRunReport"] = "PipelineRunReport"
    run: RunIdentity
    """Which attempt of which run, with its parameters."""
    pipeline: str | None = None
    """Name of the pipeline."""
    definition_digest: str
    """SHA-256 of the definition with its parameters filled in."""
    start_time: str
    end_time: str
    exit_code: int
    elapsed_seconds: float
    """Seconds that the pipeline itself ran."""
    failure: Failure | None = None
    stages: list[ReportedStage]
    edges: list[ReportedEdge]


def report_of(
    job: PipelineJob, outcome: Outcome, *, started: datetime, ended: datetime
) -> RunReport:
    """The report of an attempt that has ended."""
    definition = job.definition
    stages = reported_stages(definition, outcome.stages)
    return RunReport(
        run=job.run,
        pipeline=definition.name,
        definition_digest=digest_of(definition),
        start_time=started.isoformat(timespec="milliseconds"),
        end_time=ended.isoformat(timespec="milliseconds"),
        exit_code=outcome.exit_code,
        elapsed_seconds=round(outcome.elapsed_seconds, 3),
        failure=outcome.failure,
        stages=stages,
        edges=reported_edges(definition, stages),
    )


def reported_stages(
    definition: PipelineDefinition, statuses: Sequence[StageStatus] = ()
) -> list[ReportedStage]:
    """The enabled stages in the order written, with the figures that there are."""
    known = {status.name: status for status in statuses}
    return [
        _reported(ReportedStage(name=it.name, type=it.type, code=it.import_path), known)
        for it in definition.stages
        if it.enabled
    ]


def _reported(stage: ReportedStage, known: Mapping[str, StageStatus]) -> ReportedStage:
    status = known.get(stage.name)
    if status is None:
        return stage
    rows = status.rows_out if stage.type == "source" else status.rows_in
    figures = {
        "state": status.state,
        "rows_in": status.rows_in,
        "rows_out": status.rows_out,
        "errors": status.errors,
        "seconds": status.seconds,
        "rows_per_second": round(rows / status.seconds, 1) if rows and status.seconds else None,
        "replicas": status.replicas,
        "peak_memory_bytes": status.peak_memory_bytes,
    }
    return stage.model_copy(update=figures)


def reported_edges(
    definition: PipelineDefinition, stages: Sequence[ReportedStage]
) -> list[ReportedEdge]:
    """Connections between enabled stages, of a definition without violations."""
    rows = {it.name: it.rows_out for it in stages if it.state not in {None, "Pending"}}
    return [
        ReportedEdge.model_validate({"from": before, "to": after, "rows": rows.get(before)})
        for before, after in links(definition)
    ]


def digest_of(definition: PipelineDefinition) -> str:
    """The SHA-256 of a definition; what it leaves out counts like the default."""
    document = definition.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
