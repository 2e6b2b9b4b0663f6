"""Runs as the API server would send them, for what is shown of them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelinerun.core.conditions import conditions_for

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def run_with(
    phase: str | None,
    *,
    reason: str = "",
    message: str = "",
    metadata: Mapping[str, Any] | None = None,
    spec: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A run in a phase; without one nobody has looked at it yet."""
    made: dict[str, Any] = {
        "apiVersion": "pipelinerun.dev/v1alpha1",
        "kind": "PipelineRun",
        "metadata": {
            "name": "text",
            "namespace": "team",
            "creationTimestamp": "2026-01-01T11:00:00Z",
            **(metadata or {}),
        },
        "spec": {"mode": "Subprocess", **(spec or {})},
    }
    if phase is not None:
        conditions = conditions_for(
            phase,  # type: ignore[arg-type]
            reason or "Reason",
            message,
            previous=(),
            generation=1,
            now=NOW - timedelta(minutes=5),
        )
        told = [it.model_dump(by_alias=True, exclude_none=True) for it in conditions]
        made["status"] = {"phase": phase, "conditions": told, **(status or {})}
    return made
