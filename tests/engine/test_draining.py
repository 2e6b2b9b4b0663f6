"""A pipeline that is told to drain: sources end, and nothing that they gave is lost."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pipelinerun.api.status import Outcome, StageStatus
from tests.engine.pipeline import Pipeline, Stages, counts, numbers, source, states, work

CODE = """
import time
from pathlib import Path

import pandas as pd

def endless(pause, closed):
    n = 0
    try:
        while True:
            yield {"id": n}
            n += 1
            time.sleep(pause)
    finally:
        Path(closed).write_text(str(n))

def batches(pause):
    n = 0
    while True:
        yield {"id": n}
        yield pd.DataFrame({"id": [n + 1, n + 2, n + 3]})
        n += 4
        time.sleep(pause)

def polite(context):
    # Waits for messages that never come.
    yield {"id": 0}
    while not context.stopping:
        time.sleep(0.01)
    yield {"id": 1}

def slow(row):
    time.sleep(0.0002)
    return row

def halves(row):
    return [row, row]

def slow_batch(batch):
    time.sleep(0.05)
    return batch

def patient(row, context):
    assert not context.stopping
    return row
"""


def drained(pipeline: Pipeline, stages: Stages, enough: int = 50, **definition: Any) -> Outcome:
    """Run until the pipeline has that many rows, then drain."""

    def look(seen: list[StageStatus]) -> None:
        if max(seen[0].rows_out, seen[-1].rows_in) >= enough:
            pipeline.draining.set()

    return pipeline(stages, CODE, on_progress=look, **definition)


def check_nothing_is_lost(pipeline: Pipeline, outcome: Outcome, factor: int = 1) -> None:
    rows = counts(outcome)
    assert (outcome.exit_code, outcome.failure) == (0, None)
    assert set(states(outcome)) == {"Succeeded"}
    assert rows[0][1] > 0
    assert rows[-1][0] == rows[0][1] * factor
    ids = [row["id"] for row in pipeline.rows]
    assert sorted(ids) == sorted([*range(rows[0][1])] * factor)


@pytest.mark.parametrize("pause", [0.0, 0.01])
def test_an_endless_source_is_closed_and_its_rows_reach_the_sink(
    pipeline: Pipeline, tmp_path: Path, pause: float
) -> None:
    closed = tmp_path / "closed"
    read = source("endless", pause=pause, closed=str(closed))
    outcome = drained(pipeline, [read, work("slow"), pipeline.keep])
    check_nothing_is_lost(pipeline, outcome)
    assert int(closed.read_text()) == counts(outcome)[0][1] - 1


def test_rows_that_a_stage_has_multiplied_all_arrive(pipeline: Pipeline, tmp_path: Path) -> None:
    read = source("endless", pause=0.001, closed=str(tmp_path / "closed"))
    outcome = drained(pipeline, [read, work("halves"), pipeline.keep])
    check_nothing_is_lost(pipeline, outcome, factor=2)


def test_no_batch_is_left_behind_a_row(pipeline: Pipeline) -> None:
    outcome = drained(pipeline, [source("batches", pause=0.01), work("slow"), pipeline.keep])
    check_nothing_is_lost(pipeline, outcome)


def test_a_source_that_waits_hears_of_it(pipeline: Pipeline) -> None:
    threading.Timer(3, pipeline.draining.set).start()
    outcome = pipeline([source("polite"), work("patient"), pipeline.keep], CODE)
    # What it still gives when it has been told is not lost either.
    assert [row["id"] for row in pipeline.rows] == [0, 1]
    check_nothing_is_lost(pipeline, outcome)


def test_stages_are_not_told_to_end(pipeline: Pipeline, tmp_path: Path) -> None:
    read = source("endless", pause=0.001, closed=str(tmp_path / "closed"))
    outcome = drained(pipeline, [read, work("patient"), pipeline.keep])
    check_nothing_is_lost(pipeline, outcome)


@pytest.mark.parametrize(
    "middle",
    [
        work("slow"),
        work("slow_batch", per="Batch", batchSize=10),
    ],
)
def test_rows_that_a_reader_has_not_given_yet_stay_outside(
    pipeline: Pipeline, middle: dict[str, Any]
) -> None:
    outcome = drained(pipeline, [numbers(200_000), middle, pipeline.keep])
    rows = counts(outcome)
    assert outcome.exit_code == 0
    assert rows[0][1] == rows[1][0] == rows[-1][0] == len(pipeline.rows)
    assert 0 < len(pipeline.rows) < 200_000


def test_a_reader_in_front_of_a_writer_is_drained_too(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.draining.set()
    write: dict[str, Any] = {
        "name": "write",
        "type": "sink",
        "callable": "ray.data:Dataset.write_json",
        "config": {"path": str(tmp_path / "out")},
    }
    outcome = pipeline([numbers(1000), write])
    assert outcome.exit_code == 0
    assert counts(outcome)[0][1] == 0


def test_a_pipeline_that_is_drained_before_it_starts_does_nothing(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.draining.set()
    closed = tmp_path / "closed"
    outcome = pipeline(
        [source("endless", pause=0.0, closed=str(closed)), work("slow"), pipeline.keep], CODE
    )
    assert outcome.exit_code == 0
    assert (pipeline.rows, closed.exists()) == ([], False)


def test_stopping_is_stronger_than_draining(pipeline: Pipeline, tmp_path: Path) -> None:
    read = source("endless", pause=0.01, closed=str(tmp_path / "closed"))
    pipeline.draining.clear()
    threading.Timer(2, pipeline.draining.set).start()
    threading.Timer(2, pipeline.stopping.set).start()
    started = time.monotonic()
    outcome = pipeline([read, work("slow"), pipeline.keep], CODE)
    assert outcome.exit_code == 143
    assert time.monotonic() - started < 30
