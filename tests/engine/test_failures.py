"""Whatever a pipeline does wrong ends in an outcome that says what, where and whose fault it is."""

import threading
from typing import Any

import pytest

from tests.engine.pipeline import (
    Pipeline,
    counts,
    failure_of,
    numbers,
    source,
    states,
    work,
)

CODE = """
import os, sys, time

def helper():
    raise ValueError("this row is not good enough")

def late(row):
    return row if row["id"] < 5 else helper()

def leave(row): sys.exit(7)
def leave_well(row): sys.exit(0)
def leave_with_text(row): sys.exit("no reason")
def leave_far(row): sys.exit(256 + 3)
def memory(row): raise MemoryError("a petabyte")
def interrupt(row): raise KeyboardInterrupt
def number(row): return 5
def numbers(row): return [row, 5]
def words(row): yield "word"
def batch_of_nothing_known(batch): return 5
def ragged(batch): return {"a": [1, 2], "b": [1]}
def unstorable(row): return {"lock": __import__("threading").Lock(), "id": row["id"]}

class Unpicklable(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")
        self.lock = __import__("threading").Lock()

def unpicklable(row): raise Unpicklable("salt", "pepper")

class Silent(Exception):
    def __str__(self): raise RuntimeError("no")

def silent(row): raise Silent

class Broken:
    def __init__(self): raise ConnectionError("no model there")
    def __call__(self, row): return row

class Leaving:
    def __call__(self, row): sys.exit(9)

def die(row): os._exit(3)

def broken_source():
    yield {"id": 1}
    raise OSError("the disk is gone")

def broken_reader(): raise FileNotFoundError("no such bucket")
def wrong_source(): return 5
def wrong_rows():
    yield 5
def no_rows(): return []

def broken_writer(dataset):
    for _ in dataset.iter_rows():
        raise PermissionError("not yours")

def fine(row): return row
def strict(row, limit): return row
def slow(row):
    time.sleep(0.2)
    return row
not_callable = 5
class NotCallable: pass
"""


@pytest.mark.parametrize(
    ("name", "exit_code", "exception", "message"),
    [
        ("late", 1, "ValueError", "this row is not good enough"),
        ("leave", 7, "SystemExit", "sys.exit(7)"),
        ("leave_well", 1, "SystemExit", "sys.exit(0)"),
        ("leave_with_text", 1, "SystemExit", "sys.exit('no reason')"),
        ("leave_far", 3, "SystemExit", "sys.exit(259)"),
        ("number", 1, "TypeError", "returned int; a row is a dict"),
        ("numbers", 1, "TypeError", "yielded int; a row is a dict"),
        ("words", 1, "TypeError", "yielded str; a row is a dict"),
        ("unpicklable", 1, "steps.Unpicklable", "salt and pepper"),
        ("silent", 1, "steps.Silent", "cannot be shown"),
        ("Broken", 1, "ConnectionError", "no model there"),
        ("Leaving", 9, "SystemExit", "sys.exit(9)"),
    ],
)
def test_a_stage_that_fails(
    pipeline: Pipeline, name: str, exit_code: int, exception: str, message: str
) -> None:
    alone = {"max": 1}  # others would fail as well, at the same time
    outcome = pipeline([numbers(10), work(name, replicas=alone), pipeline.keep], CODE)
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_, failure.stage) == (exit_code, "User", "work")
    assert failure.exception == exception
    assert message in failure.message
    assert states(outcome)[1] == "Failed"
    assert outcome.stages[1].errors == 1


def test_the_tail_shows_the_users_code_and_nothing_of_ours(pipeline: Pipeline) -> None:
    outcome = pipeline([numbers(10), work("late"), pipeline.keep], CODE)
    tail = failure_of(outcome).tail
    assert tail is not None
    assert 'File "steps.py"' in tail
    assert 'raise ValueError("this row is not good enough")' in tail
    assert tail.endswith("ValueError: this row is not good enough")
    assert "pipelinerun/engine" not in tail
    assert "ray/" not in tail


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("batch_of_nothing_known", "returned int; a batch is a dict, DataFrame or Table"),
        ("ragged", "cannot be stored"),
    ],
)
def test_a_batch_that_is_none(pipeline: Pipeline, name: str, message: str) -> None:
    outcome = pipeline([numbers(10), work(name, per="Batch"), pipeline.keep], CODE)
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_, failure.stage) == (1, "User", "work")
    assert message in failure.message


def test_a_result_that_cannot_be_stored(pipeline: Pipeline) -> None:
    outcome = pipeline([numbers(10), work("unstorable"), pipeline.keep], CODE)
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_, failure.stage) == (1, "User", "work")
    assert "cannot be stored" in failure.message


def test_a_stage_that_kills_its_process_fails_by_name(pipeline: Pipeline) -> None:
    outcome = pipeline([numbers(3), work("die"), pipeline.keep], CODE)
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_, failure.stage) == (1, "User", "work")
    assert "ended in the middle of a call" in failure.message


def test_memory_that_runs_out_in_python_is_told_as_such(pipeline: Pipeline) -> None:
    outcome = pipeline([numbers(3), work("memory"), pipeline.keep], CODE)
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_, failure.stage) == (137, "OutOfMemory", "work")


@pytest.mark.parametrize(
    ("name", "exception", "message"),
    [
        ("broken_source", "OSError", "the disk is gone"),
        ("broken_reader", "FileNotFoundError", "no such bucket"),
        ("wrong_source", "TypeError", "returned int; a source returns a Dataset"),
        ("wrong_rows", "TypeError", "yielded int; a row is a dict"),
    ],
)
def test_a_source_that_fails(pipeline: Pipeline, name: str, exception: str, message: str) -> None:
    outcome = pipeline([source(name), pipeline.keep], CODE)
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_, failure.stage) == (1, "User", "read")
    assert failure.exception == exception
    assert message in failure.message


def test_a_writer_that_fails(pipeline: Pipeline) -> None:
    sink = {"name": "write", "type": "sink", "callable": "steps:broken_writer"}
    outcome = pipeline([numbers(3), sink], CODE)
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_, failure.stage) == (1, "User", "write")
    assert (failure.exception, failure.message) == ("PermissionError", "not yours")


def test_a_reader_of_ray_data_that_finds_nothing(pipeline: Pipeline) -> None:
    read = {"name": "read", "type": "source", "callable": "ray.data:read_parquet"}
    missing = str(pipeline.folder / "missing")
    outcome = pipeline([read | {"config": {"paths": missing}}, pipeline.keep])
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_, failure.stage) == (1, "User", "read")
    assert missing in failure.message


@pytest.mark.parametrize(
    ("stage", "path", "message"),
    [
        (work("missing"), "callable", "'steps' has no 'missing'"),
        (work() | {"callable": "nowhere.at.all:f"}, "callable", "there is no module 'nowhere'"),
        (work() | {"callable": "broken:f"}, "callable", "cannot be loaded: ValueError: at import"),
        (work() | {"callable": "needy:f"}, "callable", "module 'needy' needs 'nowhere', which is"),
        (work() | {"callable": "typo:f"}, "callable", "cannot be loaded: SyntaxError"),
        (work() | {"callable": "steps:Broken"}, "callable", "is a class; use actor for it"),
        (work("Broken") | {"actor": "steps:fine"}, "actor", "is not a class; use callable"),
        (work("not_callable"), "callable", "cannot be called"),
        (work("NotCallable"), "actor", "has no __call__ method"),
        (work("strict"), "config", "missing a required argument: 'limit'"),
        (work("fine", config={"extra": 1}), "config", "unexpected keyword argument 'extra'"),
        (work("fine", resources={"gpus": 1}), "resources", "1 GPUs, of which Ray has 0"),
        (work("fine", resources={"cpus": 99}), "resources", "99 CPUs, of which Ray has 4"),
    ],
)
def test_what_can_be_known_beforehand_runs_nothing(
    pipeline: Pipeline, stage: dict[str, Any], path: str, message: str
) -> None:
    files = {
        "broken.py": "raise ValueError('at import')",
        "needy.py": "import nowhere",
        "typo.py": "def f(:",
    }
    outcome = pipeline([numbers(3), stage, pipeline.keep], CODE, files=files)
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_) == (2, "Config")
    assert failure.message.startswith(f"pipeline.stages[1].{path}")
    assert message in failure.message
    assert states(outcome) == ["Pending"] * 3


def test_everything_wrong_is_told_at_once(pipeline: Pipeline) -> None:
    wrong = [work("missing"), work("strict") | {"name": "second"}]
    outcome = pipeline([source("nothing"), *wrong, pipeline.keep], CODE)
    assert outcome.exit_code == 2
    for path in ("stages[0].callable", "stages[1].callable", "stages[2].config"):
        assert path in failure_of(outcome).message


def test_what_is_wrong_with_a_disabled_stage_does_not_matter(pipeline: Pipeline) -> None:
    wrong = work("missing", enabled=False, resources={"gpus": 4})
    assert pipeline([numbers(3), wrong, pipeline.keep], CODE).exit_code == 0


def test_a_run_that_is_told_to_stop_ends_soon(pipeline: Pipeline) -> None:
    threading.Timer(3, pipeline.stopping.set).start()
    outcome = pipeline([numbers(100_000), work("slow"), pipeline.keep], CODE)
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_, failure.signal) == (143, "Cancelled", 15)
    assert "Failed" not in states(outcome)


def test_the_stages_after_a_failure_tell_how_far_they_came(pipeline: Pipeline) -> None:
    outcome = pipeline([numbers(10), work("late"), pipeline.keep], CODE)
    assert [stage.name for stage in outcome.stages] == ["read", "work", "keep"]
    # The row that failed; others may have been on their way in another process.
    assert 1 <= counts(outcome)[1][0] <= 10
    assert states(outcome)[1] == "Failed"
    assert "Running" not in states(outcome)


def test_the_next_run_is_not_affected(pipeline: Pipeline) -> None:
    for name in ("die", "leave", "Broken"):
        assert pipeline([numbers(3), work(name), pipeline.keep], CODE).exit_code != 0
    assert pipeline([numbers(3), work("fine"), pipeline.keep], CODE).exit_code == 0
    assert len(pipeline.rows) == 3
