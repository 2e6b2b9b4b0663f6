"""What 1,000 finished runs cost the operator: all of them are run, none is made up."""

import time
from collections.abc import Iterator

import psutil

from benchmarks.cluster import OPERATOR, Bench, bench
from benchmarks.report import Row, seconds
from tests.support.runs import manifest

RUNS = 1000
IDLE = 30.0
"""Seconds of looking at an operator that has nothing to do."""


def measure() -> Iterator[Row]:
    """Run 1,000 pipelines that do nothing, then watch the operator do nothing."""
    with bench() as operator:
        process = psutil.Process(operator.operator.pid)
        before = _megabytes(process)
        operator.seconds_to_success(manifest("first"))
        started, cpu = time.perf_counter(), _cpu(process)
        took = _run_all(operator, started)
        yield Row(f"{RUNS:,} runs applied at once, until the last has finished", seconds(took))
        yield Row("the operator's own CPU for each", seconds((_cpu(process) - cpu) / RUNS))
        writes = operator.runs.writes(OPERATOR).total() / (RUNS + 1)
        yield Row("API writes per run, events included (budget: 5)", f"{writes:.2f}")
        idle = _cpu(process)
        time.sleep(IDLE)
        share = (_cpu(process) - idle) / IDLE
        yield Row("idle CPU of the operator, of one core", f"{share:.2%}")
        after = _megabytes(process)
        yield Row("memory of the operator", f"{after:.0f} MB", f"{before:.0f} MB without runs")
        (gateway,) = (it for it in process.children() if "bootstrap.py" in " ".join(it.cmdline()))
        yield Row("memory of its gateway to Ray", f"{_megabytes(gateway):.0f} MB")


def _run_all(operator: Bench, started: float) -> float:
    for number in range(RUNS):
        operator.create(manifest(f"run-{number}"))
    for count, _ in enumerate(operator.finished()):
        if count == RUNS:
            break
    return time.perf_counter() - started


def _megabytes(process: psutil.Process) -> float:
    return process.memory_info().rss / 1e6


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
