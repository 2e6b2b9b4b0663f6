"""Metadata of what the operator makes for a run."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from pipelinerun.api.model import ApiModel


class TemplateMetadata(ApiModel):
    """What an object made from a template has besides the operator's own."""

    labels: Annotated[Mapping[str, str], Field(max_length=64)] = Field(default_factory=dict)
    """Labels besides the operator's own."""
    annotations: Annotated[Mapping[str, str], Field(max_length=64)] = Field(default_factory=dict)
    """Annotations besides the operator's own."""
