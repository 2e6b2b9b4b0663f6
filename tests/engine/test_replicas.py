"""Replicas whose number follows from what Ray has, and what it cannot hold. It has 4 CPUs."""

from typing import Any

import pytest

from tests.engine.pipeline import Pipeline, counts, failure_of, numbers, states, work

CODE = """
import time
def slow(row):
    time.sleep(0.01)
    return row
class Slow:
    def __call__(self, row): return slow(row)
class Nothing:
    def __call__(self, row): return None
"""
HALF = {"cpuPercentage": {"share": 0.5}}
MUCH = {"memoryStaticGlobalPercent": {"memoryPerReplica": "999Gi"}}


@pytest.mark.parametrize(
    ("replicas", "fixed", "most"),
    [
        ({"maxBy": HALF}, False, 2),
        ({"max": 4, "staticBy": HALF}, True, 2),
        ({"max": 4, "staticBy": MUCH}, True, 1),
    ],
)
def test_no_more_replicas_than_the_strategy_allows(
    pipeline: Pipeline, replicas: dict[str, Any], fixed: bool, most: int
) -> None:
    middle = work("Slow", replicas=replicas, resources={"cpus": 0.5})
    read = numbers(80)
    read["config"]["override_num_blocks"] = 8
    runtime = {"disableDynamicScaling": fixed}
    outcome = pipeline([read, middle, pipeline.keep], CODE, runtime=runtime)
    assert outcome.exit_code == 0, outcome.failure
    assert counts(outcome)[1] == (80, 80)
    assert 1 <= outcome.stages[1].replicas <= most


@pytest.mark.parametrize(
    "stages",
    [
        [work("slow"), work("Slow", resources={"cpus": 4}) | {"name": "greedy"}],
        [work("Slow", resources={"cpus": 2.5}), work("Nothing", resources={"cpus": 2})],
    ],
)
def test_what_does_not_fit_together_is_refused_at_once(
    pipeline: Pipeline, stages: list[dict[str, Any]]
) -> None:
    last = work("Nothing", resources={"cpus": 0}) | {"name": "end", "type": "sink"}
    named = [stage | {"name": f"s{index}"} for index, stage in enumerate(stages)]
    outcome = pipeline([numbers(3), *named, last], CODE)
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_) == (2, "Config")
    assert "pipeline.stages[2].resources: together with the other classes" in failure.message
    assert set(states(outcome)) == {"Pending"}
