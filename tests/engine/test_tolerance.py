"""What becomes of rows and batches on which a stage raises."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.engine.pipeline import Pipeline, counts, failure_of, numbers, work

CODE = """
import os
import sys

def odd(row):
    yield {"id": row["id"]}
    if row["id"] % 2:
        raise ValueError(f"{row['id']} is odd")

def batch(batch):
    if 5 in batch["id"]:
        raise KeyError("five")
    return batch

class Odd:
    def __call__(self, row):
        yield from odd(row)

def no_row(row): return 1 if row["id"] % 2 else row
def leave(row): sys.exit(3)
def full(row): raise MemoryError
def fail_to_keep(row): list(odd(row))

def crash_once(row, file):
    if row["id"] == 8:
        try:
            open(file, "x").close()
        except FileExistsError:
            return row
        os._exit(1)
    yield from odd(row)
"""
EVEN = [{"id": number} for number in range(0, 10, 2)]


def letters(pipeline: Pipeline) -> list[dict[str, Any]]:
    files = [*(pipeline.folder / "letters").glob("run-2-*/*.jsonl")]
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def ids(found: Sequence[Mapping[str, Any]]) -> Counter[int]:
    return Counter(row["id"] for row in found)


def place(pipeline: Pipeline) -> dict[str, str]:
    return {"path": str(pipeline.folder / "letters")}


@pytest.mark.parametrize("name", ["odd", "Odd", "no_row"])
def test_rows_are_skipped_as_a_whole_and_counted(pipeline: Pipeline, name: str) -> None:
    outcome = pipeline([numbers(10), work(name, onError="Skip"), pipeline.keep], CODE)
    assert outcome.exit_code == 0, outcome.failure
    assert ids(pipeline.rows) == ids(EVEN)
    assert counts(outcome) == [(0, 10), (10, 5), (5, 0)]
    assert [it.errors for it in outcome.stages] == [0, 5, 0]


def test_dead_letters_have_the_row_the_stage_and_the_traceback(pipeline: Pipeline) -> None:
    stages = [numbers(10), work("odd", onError="DeadLetter"), pipeline.keep]
    outcome = pipeline(stages, CODE, deadLetters=place(pipeline))
    assert outcome.exit_code == 0, outcome.failure
    found = letters(pipeline)
    assert sorted(row["id"] for it in found for row in it["rows"]) == [1, 3, 5, 7, 9]
    first = next(it for it in found if it["rows"] == [{"id": 3}])
    assert (first["stage"], first["exception"]) == ("work", "ValueError")
    assert first["message"] == "3 is odd"
    assert "steps.py" in first["traceback"]
    assert "pipelinerun" not in first["traceback"]


def test_a_batch_is_skipped_as_one(pipeline: Pipeline) -> None:
    stage = work("batch", onError="DeadLetter", per="Batch", batchSize=5)
    reader = numbers(10) | {"config": {"n": 10, "override_num_blocks": 1}}
    outcome = pipeline([reader, stage, pipeline.keep], CODE, deadLetters=place(pipeline))
    assert outcome.exit_code == 0, outcome.failure
    assert ids(pipeline.rows) == Counter(range(5))
    (found,) = letters(pipeline)
    assert [row["id"] for row in found["rows"]] == [5, 6, 7, 8, 9]
    assert [it.errors for it in outcome.stages] == [0, 1, 0]


def test_a_sink_may_fail_on_rows(pipeline: Pipeline) -> None:
    sink = work("fail_to_keep", onError="DeadLetter") | {"type": "sink"}
    outcome = pipeline([numbers(10), sink], CODE, deadLetters=place(pipeline))
    assert outcome.exit_code == 0, outcome.failure
    assert len(letters(pipeline)) == outcome.stages[1].errors == 5


def test_one_error_too_many_fails_the_run(pipeline: Pipeline) -> None:
    stages = [numbers(10), work("odd", onError="DeadLetter", maxErrors=4), pipeline.keep]
    outcome = pipeline(stages, CODE, deadLetters=place(pipeline))
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_, failure.stage) == (1, "User", "work")
    assert failure.exception == "ValueError"
    assert failure.message.startswith("more than maxErrors (4) calls failed, the last with: ")
    assert outcome.stages[1].errors == 5
    stages[1]["maxErrors"] = 5
    assert pipeline(stages, CODE, deadLetters=place(pipeline)).exit_code == 0


@pytest.mark.parametrize(("name", "code"), [("leave", 3), ("full", 137)])
def test_leaving_and_running_out_of_memory_are_never_skipped(
    pipeline: Pipeline, name: str, code: int
) -> None:
    outcome = pipeline([numbers(10), work(name, onError="Skip"), pipeline.keep], CODE)
    assert outcome.exit_code == code


def test_a_task_that_is_run_again_doubles_no_dead_letter(pipeline: Pipeline) -> None:
    config = {"file": str(pipeline.folder / "crashed")}
    stage = work("crash_once", onError="DeadLetter", config=config)
    reader = numbers(10) | {"config": {"n": 10, "override_num_blocks": 1}}
    outcome = pipeline([reader, stage, pipeline.keep], CODE, deadLetters=place(pipeline))
    assert outcome.exit_code == 0, outcome.failure
    assert (pipeline.folder / "crashed").exists()
    assert ids([row for it in letters(pipeline) for row in it["rows"]]) == Counter([1, 3, 5, 7, 9])
    assert outcome.stages[1].errors == 5


def test_a_sink_that_is_given_the_dataset_cannot_skip_rows(pipeline: Pipeline) -> None:
    writer = {"name": "write", "type": "sink", "callable": "ray.data:Dataset.write_parquet"}
    outcome = pipeline([numbers(1), writer | {"config": {"path": "x"}, "onError": "Skip"}], CODE)
    assert failure_of(outcome).message == (
        "pipeline.stages[1].onError: the sink is given the whole Dataset,"
        " so that nothing is known of single rows"
    )
