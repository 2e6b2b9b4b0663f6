"""Runs as read from the cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from pipelinerun.api.metrics import UNKNOWN_MODE
from pipelinerun.api.names import LABEL_KEEP
from pipelinerun.api.spec import PipelineRunSpec
from pipelinerun.api.status import TERMINAL_PHASES, PipelineRunStatus
from pipelinerun.api.violations import InvalidDefinitionError, from_validation_error
from pipelinerun.core.timestamps import parse_time

RunKey = tuple[str, str]
"""Namespace and name."""
Body = Mapping[str, Any]
"""An object as the API server sends it."""


class UnreadableStatusError(ValueError):
    """A status that only a newer operator can have written. Its run is best left alone."""


@dataclass(frozen=True)
class Run:
    """The part of a PipelineRun that the operator needs.

    Attributes:
        spec: None once the run is finished: nothing needs it any more.
        invalid: why the spec cannot be read, if so.
        ttl: seconds that it stays once it is finished, if they are limited.
        keep: whether the history's limits pass it over.
        held_by: the finalizers that a deletion under way waits for.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int
    created: datetime
    spec: PipelineRunSpec | None
    status: PipelineRunStatus
    invalid: InvalidDefinitionError | None = None
    ttl: int | None = None
    keep: bool = False
    held_by: tuple[str, ...] = ()

    @property
    def key(self) -> RunKey:
        """Namespace and name."""
        return self.namespace, self.name

    @property
    def mode(self) -> str:
        """Its mode, for metrics."""
        return self.spec.mode if self.spec else UNKNOWN_MODE

    @property
    def finished(self) -> bool:
        """Whether its status will never change again."""
        return self.status.phase in TERMINAL_PHASES


def read_run(body: Body) -> Run:
    """Read an object leniently: fields of newer versions are passed over.

    The bulk of a finished run is dropped, so that a cache of thousands stays small.

    Raises:
        UnreadableStatusError: its status is in a state that is not known here.
    """
    metadata = body["metadata"]
    status = _read_status(body.get("status") or {})
    finished = status.phase in TERMINAL_PHASES
    document = body.get("spec") or {}
    spec, invalid = (None, None) if finished else _read_spec(document)
    ttl = document.get("ttlSecondsAfterFinished")
    return Run(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        generation=metadata.get("generation", 1),
        created=parse_time(metadata["creationTimestamp"]),
        spec=spec,
        status=_rest(status) if finished else status,
        invalid=invalid,
        ttl=ttl if isinstance(ttl, int) else None,
        keep=(metadata.get("labels") or {}).get(LABEL_KEEP) == "true",
        held_by=tuple(metadata.get("finalizers") or ()) if "deletionTimestamp" in metadata else (),
    )


def _rest(status: PipelineRunStatus) -> PipelineRunStatus:
    """What is still needed of a status that will never change again."""
    return PipelineRunStatus(
        phase=status.phase,
        observed_generation=status.observed_generation,
        attempt=status.attempt,
        completion_time=status.completion_time,
        worker=status.worker if status.worker and status.worker.ray_cluster else None,
    )


def _read_spec(
    document: Mapping[str, Any],
) -> tuple[PipelineRunSpec | None, InvalidDefinitionError | None]:
    try:
        return PipelineRunSpec.model_validate(document, extra="ignore"), None
    except ValidationError as error:
        return None, InvalidDefinitionError(from_validation_error(error))


def _read_status(document: Mapping[str, Any]) -> PipelineRunStatus:
    try:
        return PipelineRunStatus.model_validate(document, extra="ignore")
    except ValidationError as error:
        raise UnreadableStatusError(str(error)) from None
