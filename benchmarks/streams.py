"""Streams next to the same line of stages as actors and queues, each in processes of its own.

``python -m benchmarks.streams SIDE KIND`` measures one side, and prints what it found as JSON.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.footprint import footprint
from benchmarks.report import Row

ROUNDS = 3
KINDS = {"functions": "without state", "actor": "one a class"}
SMALL, LARGE = 1000, 1_000_000
COUNTS = {("ours", SMALL): 60_000, ("ours", LARGE): 1500, ("queues", SMALL): 2000}
FEW = 400
RATE, SECONDS = 10.0, 12.0
SETTLED = 3.0
"""Seconds of a slow stream that are not measured: classes are still being made."""

Measured = dict[str, float]
Stages = list[tuple[str, dict[str, Any]]]
"""Import paths, with what they are configured with."""
Run = Callable[[Stages], None]


def measure() -> Iterator[Row]:
    """Both sides in turns."""
    for kind, title in KINDS.items():
        found: dict[str, list[Measured]] = {"ours": [], "queues": []}
        for _ in range(ROUNDS):
            for side, measured in found.items():
                measured.append(_in_process(side, kind))
        for name, unit in (
            ("first message", "s"),
            ("messages of 1 KB", "/s"),
            ("messages of 1 MB", "/s"),
            ("latency at 10/s, p50", "ms"),
            ("latency at 10/s, p95", "ms"),
            ("drain", "s"),
            ("memory", "MB"),
        ):
            ours, queues = (statistics.median(it[name] for it in found[it]) for it in found)
            what = f"stages {title}: {name}"
            yield Row(what, f"{ours:,.2f} {unit}", f"{queues:,.2f} {unit}", round(ours / queues, 3))


def _in_process(side: str, kind: str) -> Measured:
    command = [sys.executable, "-m", "benchmarks.streams", side, kind]
    environment = os.environ | {"STARTED": str(time.time())}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: Measured = json.loads(done.stdout.splitlines()[-1])
    return found


def _side(side: str, kind: str) -> Measured:
    from benchmarks import queues
    from pipelinerun.engine.session import local_ray

    draining = threading.Event()
    run: Run = partial(_run_ours, draining=draining) if side == "ours" else queues.run
    started = float(os.environ["STARTED"])
    with tempfile.TemporaryDirectory(prefix="prun-") as name, local_ray(Path(name)):
        folder = Path(name)
        with footprint() as peak:
            small = _fast(run, side, kind, folder, SMALL)
            large = _fast(run, side, kind, folder, LARGE)
        waits, drain = _slow(run, side, kind, folder, draining)
    return {
        "first message": small[0] - started,
        "messages of 1 KB": _rate(small),
        "messages of 1 MB": _rate(large),
        "latency at 10/s, p50": statistics.median(waits) * 1000,
        "latency at 10/s, p95": statistics.quantiles(waits, n=20)[-1] * 1000,
        "drain": drain,
        "memory": peak[0] / 1e6,
    }


def _rate(arrived: list[float]) -> float:
    return (len(arrived) - 1) / (arrived[-1] - arrived[0])


def _fast(run: Run, side: str, kind: str, folder: Path, size: int) -> list[float]:
    """When each of many messages arrived."""
    file = folder / f"{size}"
    count = COUNTS.get((side, size), FEW)
    run(_stages("fast", {"count": count, "size": size}, kind, file))
    lines = [line.split() for line in file.read_text().splitlines()]
    assert sorted(int(it[0]) for it in lines) == [*range(count)]
    return sorted(float(it[1]) for it in lines)


def _slow(
    run: Run, side: str, kind: str, folder: Path, draining: threading.Event
) -> tuple[list[float], float]:
    """How long each of few messages took, and then the drain."""
    file, stop, told = folder / "slow", folder / "stop", []

    def end() -> None:
        while not file.exists():
            time.sleep(0.1)
        time.sleep(SECONDS)
        told.append(time.time())
        draining.set() if side == "ours" else stop.touch()

    threading.Thread(target=end, daemon=True).start()
    run(_stages("slow", {"rate": RATE, "stop": str(stop)}, kind, file))
    drain = time.time() - told[0]
    lines = [line.split() for line in file.read_text().splitlines()]
    assert sorted(int(it[0]) for it in lines) == [*range(1, int(stop.read_text()) + 1)]
    first = min(float(it[1]) for it in lines)
    return [float(it[2]) for it in lines if float(it[1]) > first + SETTLED], drain


def _stages(source: str, config: dict[str, Any], kind: str, file: Path) -> Stages:
    second = "Second" if kind == "actor" else "second"
    return [
        (f"benchmarks.messages:{source}", config),
        ("benchmarks.messages:first", {}),
        (f"benchmarks.messages:{second}", {}),
        ("benchmarks.messages:sink", {"file": str(file)}),
    ]


def _run_ours(stages: Stages, draining: threading.Event) -> None:
    from pipelinerun.api.definition import PipelineDefinition
    from pipelinerun.api.job import PipelineJob
    from pipelinerun.engine.run import run_pipeline

    described: list[dict[str, Any]] = []
    for number, (path, config) in enumerate(stages):
        kind = {0: "source", len(stages) - 1: "sink"}.get(number, "stage")
        described.append({"name": f"stage-{number}", "type": kind, "config": config})
        if path.partition(":")[2][0].isupper():
            described[-1] |= {"actor": path, "replicas": {"min": 1, "max": 1}}
        else:
            described[-1] |= {"callable": path}
    definition = PipelineDefinition.model_validate({"stages": described})
    outcome = run_pipeline(PipelineJob(definition=definition), draining=draining)
    assert outcome.exit_code == 0, outcome


if __name__ == "__main__":
    print(json.dumps(_side(*sys.argv[1:])))
