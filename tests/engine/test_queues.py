"""Bounded queues: nobody runs further ahead than they say, and nobody waits for ever."""

from collections.abc import Sequence
from typing import Any

import pytest

from pipelinerun.api.status import Outcome
from tests.engine.pipeline import Pipeline, failure_of
from tests.support.definitions import edges

SLOW = 0.005
"""Seconds that the slow end of a queue takes for a row."""

CODE = f"""
import os, time

def size(file):
    return os.path.getsize(file) if os.path.exists(file) else 0

def mark(file, rows=1):
    with open(file, "ab") as marks:
        marks.write(b"." * rows)

# Sources.
def some(count, taken):
    for number in range(count):
        yield {{"id": number, "ahead": number - size(taken)}}
def endless(taken, context):
    number = 0
    while not context.stopping:
        yield {{"id": number, "ahead": number - size(taken)}}
        number += 1
def listed(count, taken):
    return [{{"id": number}} for number in range(count)]
def silent(context):
    while not context.stopping:
        time.sleep(0.01)
    return
    yield

# Stages.
def one(row):
    return row
def ten(row, made, taken):
    mark(made, 10)
    return [{{**row, "ahead": size(made) - size(taken)}} for _ in range(10)]
def slowly(row, taken):
    time.sleep({SLOW})
    mark(taken)
    return row
class Slow:
    def __init__(self, taken):
        self.taken = taken
    def __call__(self, row):
        time.sleep({SLOW})
        mark(self.taken)
        return row
def slow_batch(batch, taken):
    rows = len(batch["id"])
    time.sleep({SLOW} * rows)
    mark(taken, rows)
    return {{**batch, "rows": [rows] * rows}}
"""


def stage(name: str, code: str, kind: str = "stage", **fields: Any) -> dict[str, Any]:
    field = "actor" if code[0].isupper() else "callable"
    return {"name": name, "type": kind, field: f"steps:{code}"} | fields


def run(
    pipeline: Pipeline, stages: Sequence[Any], queued: dict[str, int | None], **more: Any
) -> Outcome:
    joined = [
        edge | ({"queueSize": size} if size else {})
        for edge, size in zip(edges(*queued), queued.values(), strict=True)
    ]
    return pipeline([*stages, pipeline.keep], CODE, edges=joined, **more)


def taken(pipeline: Pipeline) -> dict[str, str]:
    return {"taken": str(pipeline.folder / "taken")}


def furthest(pipeline: Pipeline) -> int:
    """How many rows whoever brings them has been ahead of who takes them at most."""
    return max(int(row["ahead"]) for row in pipeline.rows)


@pytest.mark.parametrize("size", [1, 20])
def test_a_source_stays_no_further_ahead_than_its_queue_is_long(
    pipeline: Pipeline, size: int
) -> None:
    stages = [
        stage("in", "some", "source", config={"count": 60, **taken(pipeline)}),
        stage("slow", "Slow", config=taken(pipeline)),
    ]
    outcome = run(pipeline, stages, {"in>slow": size, "slow>keep": None})
    assert outcome.failure is None
    assert sorted(row["id"] for row in pipeline.rows) == [*range(60)]
    # The row that it has in hand waits for room.
    assert furthest(pipeline) <= size + 1


def test_a_source_is_held_by_a_queue_further_behind(pipeline: Pipeline) -> None:
    stages = [
        stage("in", "some", "source", config={"count": 100, **taken(pipeline)}),
        stage("one", "one"),
        stage("slow", "Slow", config=taken(pipeline)),
    ]
    queued = {"in>one": 5, "one>slow": 10, "slow>keep": None}
    assert run(pipeline, stages, queued).failure is None
    assert len(pipeline.rows) == 100
    assert furthest(pipeline) <= 5 + 10 + 1


def test_a_stage_is_given_no_more_work_while_its_queue_is_full(pipeline: Pipeline) -> None:
    made = {"made": str(pipeline.folder / "made")}
    read = {"name": "read", "type": "source", "callable": "ray.data:range"}
    stages = [
        read | {"config": {"n": 40, "override_num_blocks": 40}},
        stage("ten", "ten", config=taken(pipeline) | made, replicas={"max": 1}),
        stage("slow", "slowly", config=taken(pipeline), resources={"cpus": 1}),
    ]
    queued = {"read>ten": None, "ten>slow": 10, "slow>keep": None}
    assert run(pipeline, stages, queued).failure is None
    assert len(pipeline.rows) == 400
    # There may be room for one row only when it is given the work that makes ten.
    assert furthest(pipeline) < 10 + 10


def test_a_reader_is_counted_and_held(pipeline: Pipeline) -> None:
    read = {"name": "read", "type": "source", "callable": "ray.data:range"}
    stages = [
        read | {"config": {"n": 100, "override_num_blocks": 50}},
        stage("slow", "Slow", config=taken(pipeline)),
    ]
    outcome = run(pipeline, stages, {"read>slow": 10, "slow>keep": None})
    assert outcome.failure is None
    assert [(it.rows_in, it.rows_out) for it in outcome.stages] == [(0, 100), (100, 100), (100, 0)]


@pytest.mark.parametrize("source", ["some", "listed"])
@pytest.mark.parametrize(("size", "batch"), [(7, None), (7, 5), (7, 50)])
def test_batches_are_filled_although_a_queue_is_short(
    pipeline: Pipeline, source: str, size: int, batch: int | None
) -> None:
    more: dict[str, Any] = {"batchSize": batch} if batch else {}
    stages = [
        stage("in", source, "source", config={"count": 30, **taken(pipeline)}),
        stage("batch", "slow_batch", config=taken(pipeline), per="Batch", **more),
    ]
    assert run(pipeline, stages, {"in>batch": size, "batch>keep": None}).failure is None
    assert len(pipeline.rows) == 30
    assert max(row["rows"] for row in pipeline.rows) <= (batch or size)


@pytest.mark.parametrize("writer", [False, True])
def test_what_waits_for_more_rows_holds_nobody_back_for_ever(
    pipeline: Pipeline, writer: bool
) -> None:
    kept = {} if writer else {"checkpoint": str(pipeline.folder / "checkpoint")}
    write = {"name": "write", "type": "sink", "callable": "ray.data:Dataset.write_parquet"}
    stages = [
        stage("in", "some", "source", config={"count": 40, **taken(pipeline)}),
        stage("slow", "Slow", config=taken(pipeline), **kept),
        write | {"config": {"path": str(pipeline.folder / "parquet")}},
    ]
    queued = {"in>slow": 5, "slow>keep": None, **({"slow>write": None} if writer else {})}
    if not writer:
        stages.pop()
    outcome = run(pipeline, stages, queued)
    assert outcome.failure is None
    assert len(pipeline.rows) == 40
    assert furthest(pipeline) <= 5 + 1


def test_a_source_that_is_silent_takes_nobody_the_room(pipeline: Pipeline) -> None:
    def drain_in_the_end(stages: Sequence[Any]) -> None:
        if stages[-1].rows_in >= 50:
            pipeline.draining.set()

    stages = [
        stage("silent", "silent", "source"),
        stage("in", "endless", "source", config=taken(pipeline)),
        stage("slow", "Slow", config=taken(pipeline)),
    ]
    queued = {"silent>slow": 1, "in>slow": 2, "slow>keep": None}
    outcome = run(pipeline, stages, queued, on_progress=drain_in_the_end)
    assert outcome.failure is None
    assert furthest(pipeline) <= 3 + 1


def test_what_is_held_back_when_a_run_is_drained_reaches_the_sinks(pipeline: Pipeline) -> None:
    def drain_soon(stages: Sequence[Any]) -> None:
        if stages[-1].rows_in:
            pipeline.draining.set()

    stages = [
        stage("in", "endless", "source", config=taken(pipeline)),
        stage("slow", "Slow", config=taken(pipeline)),
    ]
    queued = {"in>slow": 3, "slow>keep": None}
    outcome = run(pipeline, stages, queued, on_progress=drain_soon)
    assert outcome.failure is None
    ids = sorted(row["id"] for row in pipeline.rows)
    assert ids == [*range(outcome.stages[0].rows_out)]


def test_a_source_that_is_held_back_is_stopped(pipeline: Pipeline) -> None:
    def stop_soon(stages: Sequence[Any]) -> None:
        if stages[0].rows_out:
            pipeline.stopping.set()

    code = {"config": taken(pipeline) | {"count": 1_000_000}}
    stages = [stage("in", "some", "source", **code), stage("slow", "Slow", config=taken(pipeline))]
    outcome = run(pipeline, stages, {"in>slow": 3, "slow>keep": None}, on_progress=stop_soon)
    assert outcome.exit_code == 143


def test_a_queue_before_a_sink_that_is_given_the_dataset_is_refused(pipeline: Pipeline) -> None:
    write = {"name": "write", "type": "sink", "callable": "ray.data:Dataset.write_parquet"}
    stages = [
        stage("in", "listed", "source", config={"count": 1, "taken": ""}),
        write | {"config": {"path": str(pipeline.folder)}},
    ]
    outcome = run(pipeline, stages, {"in>keep": None, "in>write": 5})
    assert outcome.exit_code == 2
    assert failure_of(outcome).message.startswith("pipeline.edges[1].queueSize: the sink is given")
