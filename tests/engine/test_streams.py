"""Sources that wait for messages: none is held back until the next comes, and many go together."""

from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.engine.pipeline import Pipeline, failure_of, source, work
from tests.support.waiting import wait_for

CODE = '''
import os
import sqlite3
import threading
import time
from contextvars import ContextVar
from pathlib import Path

PATIENCE = 60

def dialogue(file, turns):
    """Gives a message when the one before has arrived."""
    for turn in range(turns):
        yield {"id": turn}
        give_up = time.monotonic() + PATIENCE
        while not (Path(file).exists() and f'"id": {turn}}}' in Path(file).read_text()):
            assert time.monotonic() < give_up, f"message {turn} is held back"
            time.sleep(0.002)

def fast(count):
    for number in range(count):
        yield {"id": number}

def passed(row):
    return row

def batch(batch):
    return batch

def sizes(batch):
    return {"id": [len(batch["id"])]}

class Passed:
    def __call__(self, row):
        return row

def crowd(folder):
    """Gives messages until two processes have taken some."""
    give_up = time.monotonic() + PATIENCE
    while len(list(Path(folder).iterdir())) < 2 and time.monotonic() < give_up:
        yield {"folder": folder}
        time.sleep(0.002)

class Busy:
    def __call__(self, row):
        Path(row["folder"], str(os.getpid())).touch()
        time.sleep(0.01)
        return row

class Table:
    """A source with something that only the thread may use that made it."""

    def __init__(self):
        self.table = sqlite3.connect(":memory:")

    def __call__(self):
        for number, in self.table.execute("values (1), (2)"):
            yield {"id": number}

def stuck(file):
    Path(file).write_text(str(os.getpid()))
    yield {"id": 0}
    threading.Event().wait()

def broken(row):
    raise ValueError("no")
'''


@pytest.mark.parametrize(
    "middle",
    [
        [],
        [work("passed")],
        [work("batch", per="Batch", batchSize=100)],
        [work("Passed", replicas={"min": 1, "max": 1})],
        [work("Passed"), {**work("batch", per="Batch"), "name": "more"}],
    ],
    ids=["sink", "function", "function per batch", "class", "class and function per batch"],
)
def test_a_message_arrives_before_the_next_one_is_there(
    pipeline: Pipeline, middle: list[Any]
) -> None:
    read = source("dialogue", file=str(pipeline.kept), turns=10)
    outcome = pipeline([read, *middle, pipeline.keep], CODE)
    assert (outcome.exit_code, outcome.failure) == (0, None)
    assert sorted(row["id"] for row in pipeline.rows) == [*range(10)]


@pytest.mark.parametrize("middle", [[], [work("Passed")]], ids=["fused", "behind a class"])
def test_messages_that_come_fast_go_together(pipeline: Pipeline, middle: list[Any]) -> None:
    sizes = {**work("sizes", per="Batch", batchSize=700), "name": "sizes"}
    outcome = pipeline([source("fast", count=20_000), *middle, sizes, pipeline.keep], CODE)
    assert (outcome.exit_code, outcome.failure) == (0, None)
    found = [row["id"] for row in pipeline.rows]
    assert sum(found) == 20_000
    assert len(found) < 2000
    assert max(found) <= 700


def test_all_of_a_source_runs_in_one_thread(pipeline: Pipeline) -> None:
    read = {"name": "read", "type": "source", "actor": "steps:Table"}
    outcome = pipeline([read, pipeline.keep], CODE)
    assert (outcome.exit_code, outcome.failure) == (0, None)
    assert [row["id"] for row in pipeline.rows] == [1, 2]


def test_a_source_that_nothing_interrupts_does_not_outlive_its_run(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    process = tmp_path / "process"
    read = source("stuck", file=str(process))
    outcome = pipeline([read, work("broken"), pipeline.keep], CODE)
    assert outcome.exit_code == 1
    assert (failure_of(outcome).stage, failure_of(outcome).message) == ("work", "no")
    wait_for(lambda: not psutil.pid_exists(int(process.read_text())))


def test_all_replicas_get_messages(pipeline: Pipeline, tmp_path: Path) -> None:
    folder = tmp_path / "processes"
    folder.mkdir()
    busy = work("Busy", replicas={"min": 2, "max": 2})
    outcome = pipeline([source("crowd", folder=str(folder)), busy, pipeline.keep], CODE)
    assert (outcome.exit_code, outcome.failure) == (0, None)
    assert len([*folder.iterdir()]) == 2


def test_a_message_takes_all_branches_before_the_next_one_is_there(pipeline: Pipeline) -> None:
    read = source("dialogue", file=str(pipeline.kept), turns=10)
    stages = [read, work("passed"), {**work("Passed"), "name": "other"}, pipeline.keep]
    edges = [("read", "work"), ("read", "other"), ("work", "keep"), ("other", "keep")]
    outcome = pipeline(stages, CODE, edges=[{"from": a, "to": b} for a, b in edges])
    assert (outcome.exit_code, outcome.failure) == (0, None)
    assert sorted(row["id"] for row in pipeline.rows) == sorted([*range(10)] * 2)
