"""What the operator says of itself over HTTP, and the comparison that it rests on."""

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelinerun.api.names import GROUP, PLURAL, VERSION
from pipelinerun.controller.client import api_client, configuration
from pipelinerun.controller.freshness import Freshness, Versions
from pipelinerun.controller.listing import lister
from pipelinerun.controller.settings import OperatorSettings
from tests.apiserver.conftest import OPERATOR
from tests.cluster.controlplane import ControlPlane, free_ports
from tests.support.operator import OperatorProcess
from tests.support.runs import Document, Runs, manifest
from tests.support.waiting import wait_for

NAMESPACE = "health"


@pytest.fixture
def port() -> int:
    """Where the operator of this test serves."""
    return free_ports(1)[0]


@pytest.fixture
def operator(cluster: ControlPlane, port: int, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator without Ray that serves its health."""
    options = ("-n", NAMESPACE, "--no-in-process", "--worker-image", "none")
    process = OperatorProcess(cluster.kubeconfig_for(OPERATOR), tmp_path / "operator.log", *options)
    process.add_options("--http-port", str(port))
    process.start()
    yield process
    process.stop()


def get(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"
    except urllib.error.URLError as error:  # nobody listens yet
        return str(error)


@pytest.mark.usefixtures("operator")
def test_an_operator_is_ready_once_it_has_seen_what_there_is(port: int, runs: Runs) -> None:
    runs.apply(manifest("waits", namespace=NAMESPACE, mode="InProcess"))
    wait_for(lambda: get(port, "/readyz") == "ok\n")
    assert get(port, "/healthz") == "ok\n"
    wait_for(lambda: 'pipelinerun_runs{phase="Failed"} 1.0' in get(port, "/metrics"))
    metrics = get(port, "/metrics")
    assert 'pipelinerun_watch_unseen_changes{kind="pods"} 0.0' in metrics
    assert re.search(r'pipelinerun_reconciles_total{result="ok"} [1-9]', metrics)
    failure = runs.status("waits", NAMESPACE)["failure"]
    assert "runs nothing in its own pod" in failure["message"]


def listed(cluster: ControlPlane) -> list[Document]:
    items = json.loads(cluster.kubectl("get", "prun", "-n", NAMESPACE, "-o", "json"))["items"]
    return list(items)


def test_a_change_that_is_not_shown_is_found_by_listing(cluster: ControlPlane, runs: Runs) -> None:
    deleted: list[str] = []

    async def scenario() -> tuple[Versions, int, int]:
        settings = OperatorSettings(kubeconfig=str(cluster.kubeconfig_for(OPERATOR)))
        async with api_client(await configuration(settings)) as client:
            listing = lister(client, f"/apis/{GROUP}/{VERSION}", PLURAL, [NAMESPACE])
            watch = Freshness("PipelineRuns", listing, lambda _uid, key: deleted.append(key[1]))
            for item in listed(cluster):
                watch.see(None, item)
            await watch.check()
            await watch.completed()
            unseen = manifest("unseen", namespace=NAMESPACE, mode="InProcess")
            await asyncio.to_thread(runs.apply, unseen)
            for _ in range(2):
                await watch.check()
            stalled = watch.stalled
            for item in listed(cluster):
                watch.see("ADDED", item)
            await watch.check()
            healthy = watch.stalled
            await asyncio.to_thread(runs.delete, "unseen", NAMESPACE)
            for _ in range(2):
                await watch.check()
            return await listing(), stalled, healthy

    _, stalled, healthy = asyncio.run(scenario())
    assert stalled >= 1
    assert healthy == 0
    assert "unseen" in deleted
