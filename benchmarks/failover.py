"""From the death of the leader to the next status that is written, with a short lease."""

import signal
import statistics
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.cluster import OPERATOR, control_plane
from benchmarks.report import Row, seconds
from tests.cluster.controlplane import ControlPlane
from tests.support.operator import OperatorProcess
from tests.support.runs import Runs, manifest
from tests.support.waiting import wait_for

ROUNDS = 7
LEASE = 3
NAMESPACE = "default"


def measure() -> Iterator[Row]:
    """Kill the leader again and again; a run is waiting each time."""
    with control_plane() as plane, tempfile.TemporaryDirectory() as folder:
        times = list(_rounds(plane, Path(folder)))
    in_leases = [it / LEASE for it in times]
    yield Row(
        f"from SIGKILL of the leader to the next status write, median of {ROUNDS}",
        seconds(statistics.median(times)),
        f"{LEASE} s, the lease",
        round(statistics.median(in_leases), 3),
    )
    yield Row("slowest", seconds(max(times)), f"{LEASE} s, the lease", round(max(in_leases), 3))


def _rounds(plane: ControlPlane, folder: Path) -> Iterator[float]:
    runs = Runs(plane)
    standby: OperatorProcess | None = None
    leader = _operator(plane, folder, 0)
    leader.start()
    wait_for(partial(leader.says, "Leading"))
    try:
        for number in range(1, ROUNDS + 1):
            standby = _operator(plane, folder, number)
            standby.start()
            wait_for(partial(standby.says, "Standing by"))
            time.sleep(LEASE * 0.37 * number % LEASE)  # anywhere between two renewals
            name = f"run-{number}"
            leader.stop(signal.SIGKILL)
            started = time.perf_counter()
            runs.apply(manifest(name, namespace=NAMESPACE, mode="Subprocess"))
            runs.wait(name, lambda status: "phase" in status, NAMESPACE)
            yield time.perf_counter() - started
            leader, standby = standby, None
    finally:
        for operator in (leader, standby):
            if operator is not None:
                operator.stop(signal.SIGKILL)


def _operator(plane: ControlPlane, folder: Path, number: int) -> OperatorProcess:
    options = ["-n", NAMESPACE, "--leader-elect", "--lease-duration", str(LEASE)]
    options += ["--identity", f"operator-{number}", "--no-in-process", "--worker-image", "none"]
    return OperatorProcess(plane.kubeconfig_for(OPERATOR), folder / f"{number}.log", *options)
