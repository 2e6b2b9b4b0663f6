"""Much more data than there is memory, in a control group with a limit, as a container has.

``python -m benchmarks.memory SHAPE`` runs one pipeline, and prints what it found as JSON.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.footprint import footprint
from benchmarks.report import Row
from pipelinerun.engine.cgroups import ControlGroup

GB = 10**9
STORE = 2 * GB
LIMIT = 4 * GB
"""Bytes for all processes, the object store among it."""
SIZE = 1_000_000
MUCH, LESS = 20 * GB, 4 * GB
SLOW = 0.01
_GROUP = "BENCHMARK_GROUP"
_PAUSE = 0.05

Stage = dict[str, Any]
Measured = dict[str, float]
Edge = tuple[str, str]


def measure() -> Iterator[Row]:
    """Run every shape by itself."""
    for shape, (title, _) in SHAPES.items():
        found = _in_process(shape)
        much = f"{title}: {found['bytes'] / GB:,.0f} GB"
        yield Row(f"{much}, took", f"{found['seconds']:,.0f} s")
        yield _beside(f"{much}, spilled", found["spilled"], 0.0)
        yield _beside(f"{much}, most in memory beside its limit", found["memory"], LIMIT)


def _beside(what: str, value: float, limit: float) -> Row:
    ratio = round(value / limit, 3) if limit else None
    return Row(what, f"{value / 1e6:,.0f} MB", f"{limit / 1e6:,.0f} MB", ratio)


def _in_process(shape: str) -> Measured:
    command = [sys.executable, "-m", "benchmarks.memory", shape]
    with _group() as group:
        environment = os.environ | ({_GROUP: str(group)} if group else {})
        done = subprocess.run(
            command, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
    found: Measured = json.loads(done.stdout.splitlines()[-1])
    return found


@contextmanager
def _group() -> Iterator[Path | None]:
    """A control group with the limit; None without the right to make one."""
    parent, limit = Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"
    if not parent.exists():
        parent, limit = parent.parent, "memory.max"
    group = parent / f"pipelinerun-benchmark-{uuid4().hex[:8]}"
    try:
        group.mkdir()
        (group / limit).write_text(str(LIMIT))
    except OSError:
        print("no control group can be made: nothing enforces the limit", file=sys.stderr)
        yield None
    else:
        yield group
    finally:
        with suppress(OSError):
            group.rmdir()


def _run(shape: str) -> Measured:
    if group := os.environ.get(_GROUP):
        Path(group, "cgroup.procs").write_text("0")
    from pipelinerun.engine.session import local_ray

    _, build = SHAPES[shape]
    kills = ControlGroup().oom_kills()
    with tempfile.TemporaryDirectory(prefix="prun-") as name:
        folder = Path(name)
        with (
            local_ray(folder, object_store_memory=STORE),
            footprint() as peak,
            _spilled(folder) as spilled,
        ):
            rows, seconds = build(folder)
    assert ControlGroup().oom_kills() == kills
    return {
        "bytes": rows * SIZE,
        "seconds": seconds,
        "memory": peak[0],
        "spilled": spilled[0],
    }


@contextmanager
def _spilled(folder: Path) -> Iterator[list[float]]:
    """The most bytes that Ray has had on the disk. Its folder for them is there if it ever had."""
    most, ended = [0.0], threading.Event()

    def look() -> None:
        while not ended.wait(_PAUSE):
            files = folder.glob("session_*/ray_spilled_objects_*/*")
            sizes = 0.0
            for file in files:
                with suppress(OSError):
                    sizes += file.stat().st_size
            most[0] = max(most[0], sizes)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()


def _line(folder: Path) -> tuple[int, float]:
    stages = [_read(MUCH), _stage("marked"), _stage("Same"), _sink(folder, "sink")]
    return _through(folder, stages)


def _slow_sink(folder: Path) -> tuple[int, float]:
    stages = [_read(LESS), _stage("marked"), _sink(folder, "sink", seconds=SLOW)]
    return _through(folder, stages)


def _fork(folder: Path) -> tuple[int, float]:
    stages = [_read(LESS), _stage("marked"), _stage("Same")]
    sinks = [_sink(folder, "left"), _sink(folder, "right", seconds=SLOW)]
    edges = [("read", "marked"), ("read", "Same"), ("marked", "left"), ("Same", "right")]
    return _through(folder, [*stages, *sinks], edges)


def _multiplied(folder: Path) -> tuple[int, float]:
    stages = [_read(LESS // 10), _stage("pieces"), _stage("Same"), _sink(folder, "sink")]
    return _through(folder, stages, times=10)


SHAPES = {
    "line": ("source, function, class, sink", _line),
    "slow": ("a slow sink", _slow_sink),
    "fork": ("a fork into a fast and a slow branch", _fork),
    "multiplied": ("a stage that makes ten rows of one", _multiplied),
}


def _read(much: int) -> Stage:
    config = {"count": much // SIZE, "size": SIZE}
    return {"name": "read", "type": "source", "callable": "benchmarks.large:rows", "config": config}


def _stage(name: str) -> Stage:
    if name[0].isupper():
        pool = {"replicas": {"min": 1, "max": 1}}
        return {"name": name, "actor": f"benchmarks.large:{name}", **pool}
    return {"name": name, "callable": f"benchmarks.large:{name}"}


def _sink(folder: Path, name: str, seconds: float = 0.0) -> Stage:
    config = {"file": str(folder / f"{name}.count"), "seconds": seconds}
    stage = _stage("Count") | {"name": name, "type": "sink"}
    return stage | {"config": config}


def _through(
    folder: Path, stages: list[Stage], edges: Sequence[Edge] = (), times: int = 1
) -> tuple[int, float]:
    """Run a pipeline; how many rows came out of it at each sink, and in how many seconds."""
    from pipelinerun.api.definition import PipelineDefinition
    from pipelinerun.api.job import PipelineJob
    from pipelinerun.engine.run import run_pipeline

    document: dict[str, Any] = {"stages": stages}
    if edges:
        document["edges"] = [{"from": a, "to": b} for a, b in edges]
    started = time.monotonic()
    outcome = run_pipeline(PipelineJob(definition=PipelineDefinition.model_validate(document)))
    seconds = time.monotonic() - started
    assert outcome.exit_code == 0, outcome
    count = stages[0]["config"]["count"] * times
    for file in folder.glob("*.count"):
        arrived = Counter(map(int, file.read_text().split()))
        assert arrived == Counter(range(count)), file
    return count, seconds


if __name__ == "__main__":
    print(json.dumps(_run(*sys.argv[1:])))
