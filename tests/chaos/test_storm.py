"""Two hundred runs, while the operator is killed again and again and its API server misbehaves."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from tests.chaos.storm import KILLS, Storm
from tests.chaos.witness import Interval, Witness, overlapping
from tests.chaos.workload import Member, workload
from tests.cluster import image
from tests.cluster.node import Cluster
from tests.support.fault_proxy import FaultProxy, Faults
from tests.support.gateway import GatewayProcess
from tests.support.operator import OperatorProcess
from tests.support.runs import Document, is_finished
from tests.support.waiting import wait_for

OPERATOR = "pipelinerun-operator"
SEED = "PIPELINERUN_CHAOS_SEED"
PATIENCE = 900
FAULTS = Faults(
    conflict=0.03,
    throttled=0.03,
    failed=0.03,
    unheard=0.02,
    unanswered=0.03,
    late=0.05,
    stale=0.3,
    expired=0.05,
    dropped=0.01,
    delayed=0.1,
    longest_silence=3.0,
    longest_delay=1.0,
)


@pytest.fixture
def seed() -> int:
    """What the dice start from; it can be given, to look for the same storm once more."""
    return int(os.environ.get(SEED) or random.SystemRandom().randrange(10**6))


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path / "run") as process:
        yield process


@pytest.fixture
def proxy(cluster: Cluster, tmp_path: Path, seed: int) -> Iterator[FaultProxy]:
    with FaultProxy(cluster, tmp_path, FAULTS, seed) as proxy:
        yield proxy


@pytest.fixture
def operator(
    proxy: FaultProxy, gateway: GatewayProcess, namespace: str, tmp_path: Path
) -> Iterator[OperatorProcess]:
    """An operator outside of the cluster: it can be killed at any moment, and nothing else is."""
    process = OperatorProcess(
        proxy.kubeconfig_for(OPERATOR),
        tmp_path / "operator.log",
        *("-n", namespace, "--in-process-namespace", namespace),
        *("--gateway", str(gateway.socket)),
        *("--worker-image", image.IMAGE),
    )
    yield process
    process.stop()


@pytest.mark.timeout(1800)
def test_every_run_ends_as_it_should_whatever_goes_wrong(
    cluster: Cluster,
    namespace: str,
    operator: OperatorProcess,
    proxy: FaultProxy,
    witness: Witness,
    seed: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    members = workload(namespace, witness)
    storm = Storm(cluster, namespace, operator, random.Random(seed))
    began = time.monotonic()
    with capsys.disabled():
        print(f"\nchaos: {len(members)} runs, {KILLS} kills, {SEED}={seed}")
        storm.blow(members)
        print(f"chaos: killed for {time.monotonic() - began:.0f} s")
        wait_for(lambda: all(map(is_finished, storm.statuses().values())), PATIENCE, poll=1)
        print(f"chaos: ended after {time.monotonic() - began:.0f} s, {dict(proxy.injected)}")
    runs = storm.runs()
    assert ended_wrongly(members, runs) == {}
    attempts = witness.attempts()
    assert {key: it for key, it in attempts.items() if len(it.starts) != 1} == {}
    assert overlapping(attempts) == []
    assert witnessed_wrongly(members, runs, attempts) == {}
    operator.check_alive()
    assert "Traceback" not in operator.log.read_text()
    wait_for(lambda: set(pod_phases(cluster, namespace)) <= {"Succeeded", "Failed"}, 300, poll=1)
    operator.stop()
    wait_for(lambda: not belonging_to(operator))


def ended_wrongly(members: list[Member], runs: Mapping[str, Document]) -> dict[str, Document]:
    """Statuses that are not what they have to be."""
    return {
        member.name: runs[member.name]["status"]
        for member in members
        if not member.expected.fits(runs[member.name]["status"])
    }


def witnessed_wrongly(
    members: list[Member],
    runs: Mapping[str, Document],
    attempts: Mapping[tuple[str, int], Interval],
) -> dict[str, str]:
    """Runs whose status says something else than what was witnessed."""
    seen = Counter(uid for uid, _ in attempts)
    wrong = {}
    for member in members:
        uid, status = runs[member.name]["metadata"]["uid"], runs[member.name]["status"]
        last = attempts.get((uid, status.get("attempt", 0)), Interval())
        if seen[uid] > status.get("attempt", 0):
            wrong[member.name] = f"{seen[uid]} attempts, {status}"
        elif member.ending in {"success", "exception", "exit", "second"} and len(last.ends) != 1:
            wrong[member.name] = f"the last attempt ended {len(last.ends)} times, {status}"
        elif member.in_pods and member.expected.attempts not in {None, seen[uid]}:
            # Whatever happens to the operator, no pod is lost.
            wrong[member.name] = f"{seen[uid]} pods, {status}"
    return wrong


def pod_phases(cluster: Cluster, namespace: str) -> list[str]:
    return [pod["status"]["phase"] for pod in cluster.pods(namespace)]


def belonging_to(operator: OperatorProcess) -> list[psutil.Process]:
    """Processes that were started for an operator."""
    found = []
    for process in psutil.process_iter():
        try:
            mark = process.environ().get(operator.MARK)
        except (psutil.Error, OSError):
            continue
        if mark == str(operator.log):
            found.append(process)
    return found
