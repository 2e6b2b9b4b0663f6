"""Reading what a child process reports."""

from typing import Any

from pydantic import TypeAdapter

from pipelinerun.api.status import Outcome, StageStatus

_STAGES = TypeAdapter(list[StageStatus])


def outcome_of(document: Any) -> Outcome:
    """How the pipeline ended."""
    return Outcome.model_validate(document)


def stages_of(document: Any) -> list[StageStatus]:
    """How far the stages are."""
    return _STAGES.validate_python(document)
