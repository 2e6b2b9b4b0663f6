"""Reading runs from the cluster."""

from typing import Any

from pipelinerun.controller.cache import RunCache
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


def test_the_cache_never_goes_back_to_an_older_version() -> None:
    cache = RunCache()
    metadata = body()["metadata"]
    new = read_run(body(metadata=metadata | {"resourceVersion": "10"}))
    old = read_run(body(metadata=metadata | {"resourceVersion": "9"}))
    cache.put(new)
    cache.put(old)
    assert cache.get(("team", "run")) is new


def test_deleting_a_run_leaves_a_new_one_of_the_same_name() -> None:
    cache = RunCache()
    old = read_run(body())
    new = read_run(body(metadata=body()["metadata"] | {"uid": "2", "resourceVersion": "11"}))
    cache.put(new)
    cache.remove(old.uid, old.key)
    assert cache.get(("team", "run")) is new
    cache.remove(new.uid, new.key)
    assert cache.get(("team", "run")) is None
