"""What a pod's state says of its attempt."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelinerun.api.status import Failure, Outcome, StageStatus
from pipelinerun.api.termination import encode
from pipelinerun.controller.pods.judge import PULL_PATIENCE, lost, sighting_of
from pipelinerun.controller.pods.pod import STOPPED, Pod, read_pod
from pipelinerun.core import reasons
from pipelinerun.core.observed import Sighting

NOW = datetime(2026, 2, 1, 12, 0, tzinfo=UTC)
STAGES = (
    StageStatus(name="in", state="Running", rows_out=5),
    StageStatus(name="out", state="Pending"),
)
Document = dict[str, Any]


def pod(status: Document | None = None, **metadata: Any) -> Pod:
    found = read_pod(
        {
            "metadata": {
                "namespace": "here",
                "name": "run-2-abc",
                "uid": "pod",
                "resourceVersion": "7",
                "creationTimestamp": "2026-02-01T11:59:00Z",
                "labels": {"pipelinerun.dev/run-uid": "u", "pipelinerun.dev/attempt": "2"},
                "ownerReferences": [{"name": "run", "uid": "u", "controller": True}],
                **metadata,
            },
            "spec": {"nodeName": "node1"},
            "status": status or {},
        }
    )
    assert found is not None
    return found


def stopped(status: Document) -> Pod:
    """A pod that the operator has told to end."""
    return replace(pod(status), deadline=STOPPED)


def container(**state: Any) -> Document:
    return {"containerStatuses": [{"name": "sidecar"}, {"name": "pipeline", "state": state}]}


def terminated(code: int, reason: str = "Error", message: str = "") -> Document:
    times = {"startedAt": "2026-02-01T11:59:10Z", "finishedAt": "2026-02-01T11:59:30Z"}
    ended = {"exitCode": code, "reason": reason, "message": message, **times}
    return container(terminated=ended) | {"phase": "Succeeded" if code == 0 else "Failed"}


def seen(it: Pod, stages: tuple[StageStatus, ...] = ()) -> Sighting:
    return sighting_of(it, stages, NOW)


def ended(it: Pod, stages: tuple[StageStatus, ...] = ()) -> tuple[int, str | None, str]:
    sighting = seen(it, stages)
    assert sighting.sight == "Ended"
    assert sighting.outcome is not None
    failure = sighting.outcome.failure
    return sighting.outcome.exit_code, failure.class_ if failure else None, sighting.reason


def told(code: int, kind: Any) -> str:
    return encode(Outcome(exit_code=code, failure=Failure(class_=kind, message="told")))


DISRUPTED = {"type": "DisruptionTarget", "status": "True", "message": "by somebody"}
PAST_DEADLINE = {"phase": "Failed", "reason": "DeadlineExceeded"}
GONE = {"deletionTimestamp": "2026-02-01T11:59:20Z"}


@pytest.mark.parametrize(
    ("it", "expected"),
    [
        (pod(terminated(0)), (0, None, "")),
        (pod(terminated(0, "OOMKilled")), (0, None, "")),
        (pod(terminated(3)), (3, "User", "")),
        (pod(terminated(137, "OOMKilled")), (137, "OutOfMemory", "")),
        (pod(terminated(137)), (137, "Infrastructure", reasons.WORKER_CRASHED)),
        (pod(terminated(255)), (255, "User", "")),
        (pod(terminated(255, "Unknown")), (137, "Infrastructure", reasons.NODE_LOST)),
        (
            pod(terminated(137, "ContainerStatusUnknown")),
            (137, "Infrastructure", reasons.NODE_LOST),
        ),
        (stopped(terminated(255, "Unknown")), (137, "Cancelled", "")),
        (pod(terminated(139)), (139, "Infrastructure", reasons.WORKER_CRASHED)),
        (pod(terminated(125)), (125, "Infrastructure", reasons.WORKER_CRASHED)),
        (pod(terminated(7, message=told(7, "User"))), (7, "User", "")),
        (pod(terminated(2, message=told(2, "Config"))), (2, "Config", "")),
        (pod(terminated(137, message=told(137, "OutOfMemory"))), (137, "OutOfMemory", "")),
        (pod(terminated(143, message=told(143, "Cancelled"))), (143, "Cancelled", "")),
        (
            pod(terminated(143, message=told(143, "Cancelled")), **GONE),
            (143, "Infrastructure", reasons.POD_DELETED),
        ),
        (
            pod(terminated(143, message=told(143, "Cancelled")) | {"conditions": [DISRUPTED]}),
            (143, "Infrastructure", reasons.EVICTED),
        ),
        (
            pod(terminated(7, message=told(7, "User")) | {"conditions": [DISRUPTED]}, **GONE),
            (7, "User", ""),
        ),
        (pod(terminated(137) | {"reason": "Evicted"}), (137, "Infrastructure", reasons.EVICTED)),
        (pod({"phase": "Failed"}), (137, "Infrastructure", reasons.POD_FAILED)),
        (
            pod({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}),
            (137, "Infrastructure", reasons.EVICTED),
        ),
        (stopped(terminated(143, message=told(143, "Cancelled"))), (143, "Cancelled", "")),
        (stopped(terminated(137)), (137, "Cancelled", "")),
        (stopped(terminated(0, message=encode(Outcome(exit_code=0)))), (0, None, "")),
        (stopped(terminated(7, message=told(7, "User"))), (7, "User", "")),
        (stopped(PAST_DEADLINE), (143, "Cancelled", "")),
        (
            pod(terminated(143, message=told(143, "Cancelled")) | PAST_DEADLINE),
            (124, "Timeout", ""),
        ),
        (pod(PAST_DEADLINE), (124, "Timeout", "")),
    ],
)
def test_how_it_ended(it: Pod, expected: tuple[int, str | None, str]) -> None:
    assert ended(it) == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("PreemptionByScheduler", reasons.PREEMPTED),
        ("DeletionByTaintManager", reasons.NODE_LOST),
        ("DeletionByPodGC", reasons.NODE_LOST),
        ("EvictionByEvictionAPI", reasons.EVICTED),
    ],
)
def test_a_pod_that_is_gone_without_a_word_is_lost_for_a_reason(reason: str, expected: str) -> None:
    disrupted = {**DISRUPTED, "reason": reason}
    sighting = lost(pod(container(running={}) | {"conditions": [disrupted]}, **GONE), STAGES)
    assert sighting.outcome is not None
    assert sighting.outcome.failure is not None
    assert (sighting.sight, sighting.reason) == ("Ended", expected)
    assert sighting.outcome.failure.message == "by somebody"
    assert [it.state for it in sighting.outcome.stages] == ["Stopped", "Pending"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({}, ""),
        (container(waiting={"reason": "ContainerCreating"}), ""),
        (container(waiting={"reason": "ImagePullBackOff"}), reasons.IMAGE_PULL_FAILED),
        (container(waiting={"reason": "CreateContainerError"}), reasons.CONTAINER_BLOCKED),
        (
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/1 nodes",
                    }
                ]
            },
            reasons.UNSCHEDULABLE,
        ),
    ],
)
def test_what_keeps_it_from_starting(status: Document, reason: str) -> None:
    sighting = seen(pod(status))
    assert (sighting.sight, sighting.reason) == ("Starting", reason)
    assert bool(sighting.message) == bool(reason)


def test_a_container_that_runs_on_past_its_deadline_has_not_ended() -> None:
    assert seen(stopped(container(running={}) | PAST_DEADLINE)).sight == "Running"


def test_a_pod_that_is_gone_before_it_began_is_nowhere() -> None:
    sighting = lost(pod(container(waiting={"reason": "ContainerCreating"}), **GONE), STAGES)
    assert (sighting.sight, sighting.outcome) == ("Lost", None)
    assert sighting.reason == reasons.POD_DELETED
    assert sighting.message == "pod run-2-abc was deleted"


@pytest.mark.parametrize(
    ("word", "waited", "class_"),
    [
        ("InvalidImageName", 0, "Config"),
        ("ErrImageNeverPull", 0, "Config"),
        ("ImagePullBackOff", PULL_PATIENCE + 1, "Infrastructure"),
    ],
)
def test_an_image_that_never_comes_is_told_while_its_pod_waits(
    word: str, waited: float, class_: str
) -> None:
    waiting = pod(container(waiting={"reason": word, "message": "not found"}))
    sighting = sighting_of(waiting, (), waiting.created + timedelta(seconds=waited))
    assert (sighting.sight, sighting.reason) == ("Starting", reasons.IMAGE_PULL_FAILED)
    assert sighting.outcome is not None
    assert sighting.outcome.failure is not None
    assert (sighting.outcome.exit_code, sighting.outcome.failure.class_) == (125, class_)
    assert sighting.outcome.failure.message == f"{word}: not found"


def test_a_container_that_runs_tells_its_stages_even_while_it_is_being_deleted() -> None:
    for it in (pod(container(running={})), pod(container(running={}), **GONE)):
        sighting = seen(it, STAGES)
        assert (sighting.sight, sighting.stages) == ("Running", STAGES)


def test_stages_that_did_not_fit_into_the_last_words_are_as_last_seen() -> None:
    success = encode(Outcome(exit_code=0, elapsed_seconds=2.5))
    outcome = seen(pod(terminated(0, message=success)), STAGES).outcome
    assert outcome is not None
    assert outcome.elapsed_seconds == 2.5
    assert [(it.name, it.state) for it in outcome.stages] == [
        ("in", "Succeeded"),
        ("out", "Succeeded"),
    ]


def test_a_container_without_words_ran_as_long_as_the_runtime_says() -> None:
    outcome = seen(pod(terminated(3))).outcome
    assert outcome is not None
    assert outcome.elapsed_seconds == 20.0


def test_pods_of_others_are_not_read() -> None:
    body = {
        "metadata": {
            "namespace": "here",
            "name": "x",
            "uid": "x",
            "resourceVersion": "1",
            "creationTimestamp": "2026-02-01T11:59:00Z",
        }
    }
    assert read_pod(body) is None
