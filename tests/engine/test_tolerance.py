"""What becomes of rows and batches on which a stage raises."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.engine.pipeline import Pipeline, counts, failure_of, numbers, work

CODE = """
import json
import os
import signal
import sys
import time
from pathlib import Path

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

def take(letter, file, context):
    with open(file, "a") as lines:
        lines.write(json.dumps({**letter, "by": context.stage}) + "\\n")

class Take:
    def __init__(self, file):
        self.file = file

    def __call__(self, letter):
        letter["rows"] = [{"id": int(row["id"])} for row in letter["rows"]]
        take(letter, self.file, context=self)

    stage = "Take"

def take_nothing(letter): raise OSError("no room")

def crash_once(row, file):
    if row["id"] == 8:
        try:
            open(file, "x").close()
        except FileExistsError:
            return row
        os._exit(1)
    if row["id"] == 7:
        time.sleep(1)  # what there is so far goes out
    yield from odd(row)

class Store:
    # Does no harm when it is given a row twice; dies in the middle of a batch.
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(exist_ok=True)

    def __call__(self, batch):
        for number in batch["id"]:
            with (self.folder / str(number)).open("a") as file:
                file.write(f"{os.getpid()}\\n")
            if number == 17:
                try:
                    (self.folder / "killed").touch(exist_ok=False)
                except FileExistsError:
                    continue
                os.kill(os.getpid(), signal.SIGKILL)
"""
EVEN = [{"id": number} for number in range(0, 10, 2)]


def letters(pipeline: Pipeline) -> list[dict[str, Any]]:
    files = [*(pipeline.folder / "letters").glob("run-2-*/*.jsonl")]
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def taken(pipeline: Pipeline) -> list[dict[str, Any]]:
    lines = (pipeline.folder / "taken").read_text().splitlines()
    return [json.loads(line) for line in lines]


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


@pytest.mark.parametrize(
    ("stage", "code", "expected"),
    [
        (work("odd"), {"callable": "steps:take"}, [[1], [3], [5], [7], [9]]),
        (work("batch", per="Batch", batchSize=5), {"actor": "steps:Take"}, [[5, 6, 7, 8, 9]]),
    ],
)
def test_dead_letters_are_given_to_code(
    pipeline: Pipeline, stage: dict[str, Any], code: dict[str, str], expected: list[list[int]]
) -> None:
    to = {**code, "config": {"file": str(pipeline.folder / "taken")}}
    reader = numbers(10) | {"config": {"n": 10, "override_num_blocks": 1}}
    stages = [reader, stage | {"onError": "DeadLetter"}, pipeline.keep]
    outcome = pipeline(stages, CODE, deadLetters=to)
    assert outcome.exit_code == 0, outcome.failure
    found = taken(pipeline)
    assert sorted([row["id"] for row in it["rows"]] for it in found) == expected
    assert len({it["id"] for it in found}) == outcome.stages[1].errors == len(expected)
    assert {it["by"] for it in found} == {"work" if "callable" in code else "Take"}
    assert found[0].keys() == {"id", "stage", "exception", "message", "traceback", "rows", "by"}


def test_a_task_that_is_run_again_gives_its_dead_letters_again_under_the_same_id(
    pipeline: Pipeline,
) -> None:
    stage = work(
        "crash_once", onError="DeadLetter", config={"file": str(pipeline.folder / "crashed")}
    )
    reader = numbers(10) | {"config": {"n": 10, "override_num_blocks": 1}}
    to = {"callable": "steps:take", "config": {"file": str(pipeline.folder / "taken")}}
    outcome = pipeline([reader, stage, pipeline.keep], CODE, deadLetters=to)
    assert outcome.exit_code == 0, outcome.failure
    times = Counter((it["id"], it["rows"][0]["id"]) for it in taken(pipeline))
    assert sorted((row, count) for (_, row), count in times.items()) == [
        *((row, 2) for row in (1, 3, 5, 7)),
        (9, 1),
    ]
    assert outcome.stages[1].errors == 5


def test_dead_letters_that_nobody_takes_fail_the_run(pipeline: Pipeline) -> None:
    stages = [numbers(10), work("odd", onError="DeadLetter"), pipeline.keep]
    outcome = pipeline(stages, CODE, deadLetters={"callable": "steps:take_nothing"})
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.stage, failure.exception) == (1, "work", "OSError")
    assert "take_nothing" in (failure.tail or "")


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ({"callable": "steps:missing"}, "pipeline.deadLetters.callable: 'steps' has no 'missing'"),
        ({"callable": "steps:take"}, "pipeline.deadLetters.config: does not fit steps:take"),
        (
            {"callable": "ray.data:Dataset.write_parquet", "config": {"path": "x"}},
            "pipeline.deadLetters.callable: is given one dead letter after the other, a dict",
        ),
    ],
)
def test_code_that_cannot_take_dead_letters_runs_nothing(
    pipeline: Pipeline, to: dict[str, Any], message: str
) -> None:
    stages = [numbers(10), work("odd", onError="DeadLetter"), pipeline.keep]
    outcome = pipeline(stages, CODE, deadLetters=to)
    assert outcome.exit_code == 2
    assert failure_of(outcome).message.startswith(message)


def test_a_sink_that_does_no_harm_twice_has_every_row_when_its_process_dies(
    pipeline: Pipeline,
) -> None:
    folder = pipeline.folder / "stored"
    sink = work("Store", per="Batch", batchSize=10, config={"folder": str(folder)})
    sink["type"] = "sink"
    outcome = pipeline([numbers(100), sink], CODE)
    assert outcome.exit_code == 0, outcome.failure
    assert (folder / "killed").exists()
    times = {int(it.name): len(it.read_text().split()) for it in folder.glob("[0-9]*")}
    assert sorted(times) == [*range(100)]
    assert times[17] == 2
    assert counts(outcome) == [(0, 100), (100, 0)]


def test_a_sink_that_is_given_the_dataset_cannot_skip_rows(pipeline: Pipeline) -> None:
    writer = {"name": "write", "type": "sink", "callable": "ray.data:Dataset.write_parquet"}
    outcome = pipeline([numbers(1), writer | {"config": {"path": "x"}, "onError": "Skip"}], CODE)
    assert failure_of(outcome).message == (
        "pipeline.stages[1].onError: the sink is given the whole Dataset,"
        " so that nothing is known of single rows"
    )
