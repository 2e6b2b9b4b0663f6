"""The engine next to the same pipelines written by hand in Ray Data, in one process, in turns."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray.data
from ray.data import ActorPoolStrategy, Dataset

from benchmarks import steps
from benchmarks.plain import plain_ray
from benchmarks.report import Row, compared
from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.job import PipelineJob
from pipelinerun.engine.run import run_pipeline

ROUNDS = 10
BATCH_ROWS = 5_000_000
ROW_ROWS = 200_000
BATCH = 100_000

Plain = Callable[[Dataset], Dataset]


def measure() -> Iterator[Row]:
    """Run each pipeline in turns by hand and by the engine."""
    with plain_ray() as folder:
        out = folder / "out"
        yield compared(
            f"two functions per batch, {BATCH_ROWS:,} rows, write Parquet",
            *_in_turns(_batches(), _by_hand_batches, BATCH_ROWS, out),
        )
        yield compared(
            f"a class per batch, {BATCH_ROWS:,} rows, write Parquet",
            *_in_turns(_class(), _by_hand_class, BATCH_ROWS, out),
        )
        yield compared(
            f"a function per row, {ROW_ROWS:,} rows, write Parquet",
            *_in_turns(_rows(), _by_hand_rows, ROW_ROWS, out),
        )


def _in_turns(
    middle: list[dict[str, Any]], by_hand: Plain, rows: int, out: Path
) -> tuple[list[float], list[float]]:
    job = PipelineJob(definition=_definition(middle, rows, out))

    def engine() -> None:
        outcome = run_pipeline(job)
        assert outcome.exit_code == 0, outcome

    def plain() -> None:
        by_hand(ray.data.range(rows)).write_parquet(str(out))

    took: dict[Callable[[], None], list[float]] = {engine: [], plain: []}
    for turn in range(ROUNDS + 1):
        # Who comes second finds what the first has left in caches and on its way to the disk.
        for side in (engine, plain) if turn % 2 else (plain, engine):
            with _timed(out) as timed:
                side()
            took[side] += timed if turn else []  # the first turn warms both up
    return took[engine], took[plain]


@contextmanager
def _timed(out: Path) -> Iterator[list[float]]:
    took: list[float] = []
    started = time.perf_counter()
    yield took
    took.append(time.perf_counter() - started)
    shutil.rmtree(out)


def _definition(middle: list[dict[str, Any]], rows: int, out: Path) -> PipelineDefinition:
    source = {"name": "read", "type": "source", "callable": "ray.data:range", "config": {"n": rows}}
    sink = {
        "name": "write",
        "type": "sink",
        "callable": "ray.data:Dataset.write_parquet",
        "config": {"path": str(out)},
    }
    return PipelineDefinition.model_validate({"stages": [source, *middle, sink]})


def _batches() -> list[dict[str, Any]]:
    per_batch = {"per": "Batch", "batchSize": BATCH}
    return [
        {"name": name, "callable": f"benchmarks.steps:{name}", **per_batch}
        for name in ("scale", "root")
    ]


def _by_hand_batches(dataset: Dataset) -> Dataset:
    return dataset.map_batches(steps.scale, batch_size=BATCH).map_batches(
        steps.root, batch_size=BATCH
    )


def _class() -> list[dict[str, Any]]:
    return [
        {
            "name": "scale",
            "actor": "benchmarks.steps:Scale",
            "per": "Batch",
            "batchSize": BATCH,
            "replicas": {"min": 1, "max": 1},
        }
    ]


def _by_hand_class(dataset: Dataset) -> Dataset:
    pool = ActorPoolStrategy(size=1)
    return dataset.map_batches(steps.Scale, batch_size=BATCH, compute=pool)


def _rows() -> list[dict[str, Any]]:
    return [{"name": "tag", "callable": "benchmarks.steps:tag"}]


def _by_hand_rows(dataset: Dataset) -> Dataset:
    return dataset.map(steps.tag)
