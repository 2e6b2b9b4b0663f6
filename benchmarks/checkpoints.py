"""A checkpointed pipeline next to the same by hand, and a resumed one next to a whole one."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ray.data
from ray.data import DataContext

from benchmarks import steps
from benchmarks.plain import plain_ray
from benchmarks.report import Row, compared
from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.engine.run import run_pipeline

ROUNDS = 5
ROWS = 5_000_000
BATCH = 100_000


def measure() -> Iterator[Row]:
    """Run in turns: checkpointed by the engine and by hand; whole and resumed."""
    with plain_ray() as folder:
        # By hand with the quicker one of Ray Data's readers, which the engine takes as well.
        DataContext.get_current().use_datasource_v2 = False
        out, rows = folder / "out", folder / "rows"
        whole, resumed = _engine(out, rows), _engine(out, rows, resume_from="root")
        plain = _engine(out, None)
        sides = _in_turns(out, whole, lambda: _by_hand(out, folder / "by-hand"))
        yield compared(f"a checkpoint between two functions, {ROWS:,} rows", *sides)
        yield compared(
            "resumed, beside a whole run without a checkpoint", *_in_turns(out, resumed, plain)
        )


def _in_turns(
    out: Path, ours: Callable[[], None], other: Callable[[], None]
) -> tuple[list[float], list[float]]:
    took: tuple[list[float], list[float]] = ([], [])
    for turn in range(ROUNDS + 1):
        for side, run in zip(took, (ours, other), strict=True):
            started = time.perf_counter()
            run()
            if turn:  # the first turn warms both up
                side.append(time.perf_counter() - started)
            shutil.rmtree(out)
    return took


def _engine(out: Path, rows: Path | None, resume_from: str | None = None) -> Callable[[], None]:
    kept = {"checkpoint": str(rows)} if rows else {}
    stages: list[dict[str, Any]] = [
        {"name": "read", "type": "source", "callable": "ray.data:range", "config": {"n": ROWS}},
        _function("scale") | kept,
        _function("root"),
        {
            "name": "write",
            "type": "sink",
            "callable": "ray.data:Dataset.write_parquet",
            "config": {"path": str(out)},
        },
    ]
    definition = PipelineDefinition.model_validate({"stages": stages})
    job = PipelineJob(definition=definition, run=RunIdentity(), resume_from=resume_from)

    def run() -> None:
        outcome = run_pipeline(job)
        assert outcome.exit_code == 0, outcome

    return run


def _function(name: str) -> dict[str, Any]:
    callable_ = f"benchmarks.steps:{name}"
    return {"name": name, "callable": callable_, "per": "Batch", "batchSize": BATCH}


def _by_hand(out: Path, rows: Path) -> None:
    shutil.rmtree(rows, ignore_errors=True)
    scaled = ray.data.range(ROWS).map_batches(steps.scale, batch_size=BATCH)
    scaled.write_parquet(str(rows))
    kept = ray.data.read_parquet(str(rows))
    kept.map_batches(steps.root, batch_size=BATCH).write_parquet(str(out))
