"""The PipelineRun resource."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from pipelinerun.api.model import ApiModel
from pipelinerun.api.names import API_VERSION, KIND
from pipelinerun.api.rules import Rule
from pipelinerun.api.spec import PipelineRunSpec
from pipelinerun.api.status import PipelineRunStatus


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
        if name in PipelineRunSpec.ALWAYS_CHANGEABLE:
            continue
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
            started = "has(oldSelf.status.startTime) || has(oldSelf.status.verdict)"
            until = f"({started} || {finished})"
            message = (
                "cannot be changed once the run has started or was refused;"
                " apply a run with another name instead"
            )
        yield Rule(f"spec.{alias}", f"!has(oldSelf.status) || !{until} || {same}", None, message)


def _fixed_status() -> Rule:
    """A finished run never changes, but for the generation of its spec that was observed."""
    names = [field.alias or name for name, field in PipelineRunStatus.model_fields.items()]
    same = " && ".join(
        f"(has(self.status.{it}) == has(oldSelf.status.{it})"
        f" && (!has(self.status.{it}) || self.status.{it} == oldSelf.status.{it}))"
        for it in names
        if it != "observedGeneration"
    )
    return Rule(
        "status",
        "!has(oldSelf.status) || !has(oldSelf.status.completionTime)"
        f" || (has(self.status) && {same})",
        None,
        "a finished run never changes",
    )


class PipelineRun(ApiModel):
    """One execution of a data pipeline."""

    RULES: ClassVar = (*_fixed_fields(), _fixed_status())

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
