"""One attempt of a run, ready to execute: what every execution strategy takes."""

from typing import Any

from pydantic import Field

from pipelinerun.api.definition import Code, PipelineDefinition
from pipelinerun.api.model import ApiModel
from pipelinerun.api.ray import Ray
from pipelinerun.api.status import Verdict


class RunIdentity(ApiModel):
    """Who is running; handed to stages that ask for a ``context``."""

    name: str = "local"
    namespace: str = "default"
    uid: str = "local"
    attempt: int = 1
    params: dict[str, Any] = Field(default_factory=dict)


class PipelineJob(ApiModel):
    """A definition with parameters filled in, its code, and the identity of the attempt.

    Serialises to JSON, so that it can be handed to another process.

    Attributes:
        verdict: how the run has ended: its finally stages are to run, and nothing else.
    """

    definition: PipelineDefinition
    code: Code = Field(default_factory=Code)
    ray: Ray = Field(default_factory=Ray)
    run: RunIdentity = Field(default_factory=RunIdentity)
    resume_from: str | None = None
    verdict: Verdict | None = None
