"""One attempt of a run, ready to execute: what every execution strategy takes."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from pipelinerun.api.code import Code
from pipelinerun.api.definition import PipelineDefinition
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


class Fetched(ApiModel):
    """What a repository holds at a commit, as far as the run needs it.

    Attributes:
        files: its modules, by path.
        requirements: of the project in it, exact.
    """

    commit: str
    files: Mapping[str, str]
    requirements: list[str] = Field(default_factory=list)


class PipelineJob(ApiModel):
    """A definition with parameters filled in, its code, and the identity of the attempt.

    Serialises to JSON, so that it can be handed to another process.

    Attributes:
        fetched: what its repository holds; None where whoever executes it has to look.
        verdict: how the run has ended: its finally stages are to run, and nothing else.
    """

    definition: PipelineDefinition
    code: Code = Field(default_factory=Code)
    fetched: Fetched | None = None
    ray: Ray = Field(default_factory=Ray)
    run: RunIdentity = Field(default_factory=RunIdentity)
    resume_from: str | None = None
    verdict: Verdict | None = None
