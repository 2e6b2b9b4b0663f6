"""Code that makes very much out of a row hears in the middle of it that the run is to end."""

from typing import Any

import pytest

from pipelinerun.api.status import StageStatus
from tests.engine.pipeline import Pipeline, failure_of, numbers, work

FEW = 1000
"""Fewer rows than are gathered to a batch."""
CODE = """
import time
from pathlib import Path

def unfold(row, file):
    for n in range(5000):
        Path(file).write_text(str(n))
        yield {"n": n}
        time.sleep(0.05)

def send(row, file):
    for _ in unfold(row, file):
        yield

def wait(context):
    yield {"n": 1}
    while not context.stopping:
        time.sleep(0.01)

class Unfold:
    def __init__(self, file): self.file = file
    def __call__(self, row): yield from unfold(row, self.file)

class Keep:
    def __call__(self, row): return row

def drop(row):
    return None
"""


@pytest.mark.parametrize(
    "slow",
    [
        work("unfold"),
        work("Unfold"),
        work("send", type="sink"),
        work("send", type="sink", per="Batch"),
    ],
    ids=["function", "class", "sink", "sink per batch"],
)
def test_a_slow_generator_hears_of_the_end(pipeline: Pipeline, slow: dict[str, Any]) -> None:
    counted = pipeline.folder / "counted"
    slow = slow | {"config": {"file": str(counted)}}
    after = [] if slow.get("type") == "sink" else [pipeline.keep]

    def look(seen: list[StageStatus]) -> None:
        if seen[1].rows_in:
            pipeline.stopping.set()

    outcome = pipeline([numbers(1), slow, *after], CODE, on_progress=look)
    assert (outcome.exit_code, failure_of(outcome).class_) == (143, "Cancelled")
    assert int(counted.read_text()) < FEW


@pytest.mark.parametrize("middle", [[], [work("Keep")]], ids=["function", "class"])
def test_a_source_that_returns_when_it_is_told_to_has_not_succeeded(
    pipeline: Pipeline, middle: list[dict[str, Any]]
) -> None:
    source = {"name": "wait", "type": "source", "callable": "steps:wait"}

    def look(seen: list[StageStatus]) -> None:
        if seen[-1].rows_in:
            pipeline.stopping.set()

    sink = {"name": "drop", "type": "sink", "callable": "steps:drop"}
    outcome = pipeline([source, *middle, sink], CODE, on_progress=look)
    assert (outcome.exit_code, failure_of(outcome).class_) == (143, "Cancelled")
