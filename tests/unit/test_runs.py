"""Reading runs from the cluster."""

from typing import Any

from pipelinerun.api.names import LABEL_KEEP
from pipelinerun.controller.cache import RunCache
from pipelinerun.controller.history import History, HistoryLimits
from pipelinerun.controller.runs import read_run

STAGES = [
    {"name": "numbers", "type": "source", "callable": "steps:numbers"},
    {"name": "show", "type": "sink", "callable": "steps:show"},
]


def body(**changes: Any) -> dict[str, Any]:
    metadata = {
        "namespace": "team",
        "name": "run",
        "uid": "1",
        "resourceVersion": "7",
        "generation": 3,
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {"metadata": metadata, "spec": {"pipeline": {"stages": STAGES}}} | changes


def empty_cache() -> RunCache:
    return RunCache(History(HistoryLimits(), announce=lambda _: None))


def test_fields_of_a_newer_version_are_passed_over() -> None:
    run = read_run(
        body(
            spec={"pipeline": {"stages": STAGES, "color": "red"}, "shape": "round"},
            status={"phase": "Running", "attempt": 1, "mood": "good"},
        )
    )
    assert run.spec is not None
    assert run.invalid is None
    assert (run.status.phase, run.status.attempt) == ("Running", 1)


def test_a_spec_that_cannot_be_read_says_why() -> None:
    run = read_run(body(spec={"pipeline": {"stages": []}}))
    assert run.spec is None
    assert "pipeline.stages" in str(run.invalid)


def test_the_bulk_of_a_finished_run_is_dropped() -> None:
    status = {"phase": "Succeeded", "attempt": 2, "exitCode": 0, "stages": [{"name": "numbers"}]}
    run = read_run(body(status=status))
    assert run.finished
    assert run.spec is None
    assert run.status.stages == []


def test_the_cluster_that_an_ended_attempt_may_have_left_is_kept() -> None:
    worker = {"pod": "run-1", "rayCluster": "run-1-cluster"}
    run = read_run(body(status={"phase": "Failed", "worker": worker}))
    assert run.status.worker is not None
    assert run.status.worker.ray_cluster == "run-1-cluster"
    assert read_run(body(status={"phase": "Failed", "worker": {"pod": "a"}})).status.worker is None


def test_what_decides_how_long_a_finished_run_stays_is_kept() -> None:
    time = "2026-01-01T01:00:00Z"
    run = read_run(
        body(
            metadata=body()["metadata"] | {"labels": {LABEL_KEEP: "true"}, "finalizers": ["a/b"]},
            spec={"pipeline": {"stages": STAGES}, "ttlSecondsAfterFinished": 5},
            status={"phase": "Failed", "completionTime": time},
        )
    )
    assert (run.ttl, run.keep, run.status.completion_time) == (5, True, time)
    assert run.held_by == ()


def test_the_finalizers_of_a_run_that_is_being_deleted_hold_it() -> None:
    deleted = {"finalizers": ["a/b"], "deletionTimestamp": "2026-01-01T02:00:00Z"}
    run = read_run(body(metadata=body()["metadata"] | deleted))
    assert run.held_by == ("a/b",)


def test_the_cache_never_goes_back_to_an_older_version() -> None:
    cache = empty_cache()
    metadata = body()["metadata"]
    new = read_run(body(metadata=metadata | {"resourceVersion": "10"}))
    old = read_run(body(metadata=metadata | {"resourceVersion": "9"}))
    cache.put(new)
    cache.put(old)
    assert cache.get(("team", "run")) is new


def test_deleting_a_run_leaves_a_new_one_of_the_same_name() -> None:
    cache = empty_cache()
    old = read_run(body())
    new = read_run(body(metadata=body()["metadata"] | {"uid": "2", "resourceVersion": "11"}))
    cache.put(new)
    cache.remove(old.uid, old.key)
    assert cache.get(("team", "run")) is new
    cache.remove(new.uid, new.key)
    assert cache.get(("team", "run")) is None
