"""More data than Ray's object store holds, through all of which it has to stay off the disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from tests.engine.pipeline import Pipeline, source, work

CODE = """
import time
import numpy as np

def large(count):
    for number in range(count):
        yield {"id": number, "body": np.full(1_000_000, number % 256, dtype=np.uint8)}

def ten(row):
    for piece in range(10):
        yield {**row, "id": 10 * row["id"] + piece}

class Same:
    def __call__(self, row):
        return row

class Slow:
    def __call__(self, row):
        time.sleep(0.001)
        return row

def checked(row):
    body = row["body"]
    assert body[0] == body[-1]
    return {"id": row["id"]}
"""
COUNT = 800
"""Rows of 1 MB: more than the object store that tests have, and thrice what may be in it."""

SHAPES: dict[str, tuple[list[Any], str]] = {
    "a class": ([work("Same")], "read>work work>check"),
    "a stage that multiplies": (
        [work("ten"), work("Slow") | {"name": "slow"}],
        "read>work work>slow slow>check",
    ),
    "a fork into a fast and a slow branch": (
        [work("Same"), work("Slow", replicas={"max": 1}) | {"name": "slow"}],
        "read>work read>slow work>check slow>check",
    ),
}


@pytest.fixture
def spilled(pipeline: Pipeline) -> Iterator[None]:  # noqa: ARG001 - there has to be a Ray
    """Nothing has been put on the disk by the end."""
    before = _spill_folders()
    yield
    assert _spill_folders() == before


def _spill_folders() -> dict[Path, int]:
    """Where Ray puts objects that the store has no place for, and when it did so last."""
    session = Path(ray._private.worker._global_node.get_session_dir_path())
    return {it: it.stat().st_mtime_ns for it in session.glob("ray_spilled_objects_*")}


@pytest.mark.usefixtures("spilled")
@pytest.mark.parametrize("shape", SHAPES)
def test_more_rows_than_the_object_store_holds_pass_through_it(
    pipeline: Pipeline, shape: str
) -> None:
    middle, joined = SHAPES[shape]
    edges = [it.split(">") for it in [*joined.split(), "check>keep"]]
    multiplied, doubled = "multiplies" in shape, "fork" in shape
    stages = [
        source("large", count=COUNT // 10 if multiplied else COUNT),
        *middle,
        work("checked") | {"name": "check"},
        pipeline.keep,
    ]
    outcome = pipeline(stages, CODE, edges=[{"from": a, "to": b} for a, b in edges])
    assert (outcome.exit_code, outcome.failure) == (0, None)
    arrivals = [*range(COUNT)] * (2 if doubled else 1)
    assert sorted(row["id"] for row in pipeline.rows) == sorted(arrivals)
