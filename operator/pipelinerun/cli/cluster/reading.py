"""Runs as they come from the API server, read for people. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pipelinerun.api.status import TERMINAL_PHASES, PipelineRunStatus
from pipelinerun.cli.cluster.errors import ClusterError

Body = Mapping[str, Any]


def phase_of(run: Body) -> str:
    """The phase; a run without a status is Pending."""
    return str((run.get("status") or {}).get("phase") or "Pending")


def is_finished(run: Body) -> bool:
    """Whether the run will never change again."""
    return phase_of(run) in TERMINAL_PHASES


@dataclass(frozen=True)
class Told:
    """Why a run is where it is, by the condition Succeeded."""

    reason: str = ""
    message: str = ""


def told_by(run: Body) -> Told:
    """Why a run is where it is."""
    for condition in (run.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Succeeded":
            return Told(condition.get("reason", ""), condition.get("message", ""))
    return Told()


def status_of(run: Body) -> PipelineRunStatus:
    """The whole status; fields of newer versions are passed over.

    Raises:
        ClusterError: only a newer operator can have written it.
    """
    try:
        return PipelineRunStatus.model_validate(run.get("status") or {}, extra="ignore")
    except ValidationError:
        raise ClusterError(
            f"the status of run {run['metadata']['name']!r} is of a newer version:"
            " update this program, or look at it with -o yaml"
        ) from None
