"""Pods as read from the cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelinerun.api.names import CONTAINER, LABEL_ATTEMPT, LABEL_FINALLY, LABEL_UID
from pipelinerun.controller.runs import RunKey
from pipelinerun.core.timestamps import parse_time

STOPPED = 1
"""The deadline of a pod that was told to end: 0 is not allowed."""

AttemptId = tuple[str, int]
"""Uid of the run and number of the attempt, or of the execution of its finally stages."""


@dataclass(frozen=True)
class Terminated:
    """How a container ended.

    Attributes:
        exit_code: of its process.
        reason: the container runtime's word, such as OOMKilled.
        message: its last words.
        seconds: that it ran, as far as the runtime tells them.
    """

    exit_code: int
    reason: str
    message: str
    seconds: float


@dataclass(frozen=True)
class Pod:
    """The part of a worker pod that matters.

    Attributes:
        run: key of the run that it belongs to.
        attempt: the attempt that it is.
        phase: the pod's phase.
        reason: the pod's reason, such as Evicted.
        message: the same for people.
        unschedulable: why no node takes it, if so.
        disrupted: reason and message of its being taken away (DisruptionTarget), if so.
        waiting: reason and message of its container that cannot start, if so.
        deadline: seconds that it may be active, if there is a limit.
        running: whether its container runs.
        terminated: how its container ended.
    """

    run: RunKey
    attempt: AttemptId
    name: str
    uid: str
    version: int
    created: datetime
    node: str | None
    ip: str | None
    deleted: bool
    phase: str
    reason: str
    message: str
    unschedulable: str | None
    disrupted: tuple[str, str] | None
    waiting: tuple[str, str] | None
    deadline: int | None
    running: bool
    terminated: Terminated | None

    @property
    def host(self) -> str:
        """Its address as it stands in a URL."""
        return f"[{self.ip}]" if ":" in (self.ip or "") else self.ip or ""

    @property
    def stopped(self) -> bool:
        """Whether it was told to end."""
        return self.deadline == STOPPED

    @property
    def begun(self) -> bool:
        """Whether its container has run."""
        return self.running or self.terminated is not None

    @property
    def ended(self) -> bool:
        """Whether it takes no place on a node any more, or will soon take none."""
        finished = self.phase in {"Succeeded", "Failed"} or self.terminated is not None
        return finished or self.deleted


def read_pod(body: Mapping[str, Any]) -> Pod | None:
    """Read a pod; None if it is not one of ours."""
    metadata = body["metadata"]
    labels = metadata.get("labels") or {}
    owner = next((it for it in metadata.get("ownerReferences") or () if it.get("controller")), None)
    number = _number(labels)
    if owner is None or LABEL_UID not in labels or number is None:
        return None
    spec, status = body.get("spec") or {}, body.get("status") or {}
    conditions = {it["type"]: it for it in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled", {})
    disruption = conditions.get("DisruptionTarget", {})
    state = _state(status)
    return Pod(
        run=(metadata["namespace"], owner["name"]),
        attempt=(labels[LABEL_UID], number),
        name=metadata["name"],
        uid=metadata["uid"],
        version=int(metadata["resourceVersion"]),
        created=parse_time(metadata["creationTimestamp"]),
        node=spec.get("nodeName"),
        ip=status.get("podIP"),
        deleted="deletionTimestamp" in metadata,
        phase=status.get("phase", "Pending"),
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        unschedulable=scheduled.get("message", "")
        if scheduled.get("reason") == "Unschedulable"
        else None,
        disrupted=(disruption.get("reason", ""), disruption.get("message", ""))
        if disruption.get("status") == "True"
        else None,
        waiting=_waiting(state),
        deadline=spec.get("activeDeadlineSeconds"),
        running="running" in state,
        terminated=_terminated(state),
    )


def _number(labels: Mapping[str, str]) -> int | None:
    attempt, last = labels.get(LABEL_ATTEMPT, ""), labels.get(LABEL_FINALLY, "")
    if attempt.isdecimal():
        return int(attempt)
    return -int(last) if last.isdecimal() else None


def _state(status: Mapping[str, Any]) -> Mapping[str, Any]:
    containers = status.get("containerStatuses") or ()
    state = next((it.get("state") for it in containers if it["name"] == CONTAINER), None)
    return state or {}


def _waiting(state: Mapping[str, Any]) -> tuple[str, str] | None:
    waiting = state.get("waiting")
    return (waiting.get("reason", ""), waiting.get("message", "")) if waiting else None


def _terminated(state: Mapping[str, Any]) -> Terminated | None:
    ended = state.get("terminated")
    if not ended:
        return None
    started, finished = ended.get("startedAt"), ended.get("finishedAt")
    seconds = (
        (parse_time(finished) - parse_time(started)).total_seconds()
        if started and finished
        else 0.0
    )
    return Terminated(
        exit_code=ended.get("exitCode", 0),
        reason=ended.get("reason", ""),
        message=ended.get("message", ""),
        seconds=max(0.0, seconds),
    )
