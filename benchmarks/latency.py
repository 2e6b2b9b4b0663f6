"""How long a run that does nothing takes, next to the same pipeline as a plain call of Ray Data."""

import statistics
import time
from collections.abc import Iterator
from typing import Any

import ray.data

from benchmarks import steps
from benchmarks.cluster import OPERATOR, bench
from benchmarks.plain import plain_ray
from benchmarks.report import Row, compared, seconds
from tests.support.runs import manifest

WARM_UP = 5
RUNS = 30


def measure() -> Iterator[Row]:
    """Take turns between a run on the operator and a plain call in this process."""
    with bench() as operator, plain_ray():
        ours: list[float] = []
        plain: list[float] = []
        for number in range(WARM_UP + RUNS):
            run, by_hand = operator.seconds_to_success(_run(number)), _plain()
            if number >= WARM_UP:
                ours.append(run)
                plain.append(by_hand)
        yield compared(f"no-op run, median of {RUNS}", ours, plain)
        yield Row("slowest", seconds(max(ours)), seconds(max(plain)))
        statuses = (operator.runs.status(f"no-op-{number}") for number in range(WARM_UP, RUNS))
        elapsed = statistics.median(status["elapsedSeconds"] for status in statuses)
        yield Row("of it the pipeline alone (status.elapsedSeconds), median", seconds(elapsed))
        writes = operator.runs.writes(OPERATOR).total() / (WARM_UP + RUNS)
        yield Row("API writes per run, events included (budget: 5)", f"{writes:.1f}")


def _run(number: int) -> dict[str, Any]:
    return manifest(f"no-op-{number}", {"name": "square", "callable": "steps:square"})


def _plain() -> float:
    started = time.perf_counter()
    rows = ray.data.range(1, override_num_blocks=1).map_batches(lambda _: {"n": [*range(5)]})
    rows.map(steps.square).materialize()
    return time.perf_counter() - started
