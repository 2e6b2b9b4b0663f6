"""A hundred runs at once."""

from typing import Any

import pytest

from tests.cluster.node import Cluster
from tests.support.installation import ACCOUNT
from tests.support.installation import WORKERS as NAMESPACE
from tests.support.runs import Document, Runs, manifest, stage
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.usefixtures("operator"), pytest.mark.timeout(900)]

SIZE = 100
PIPELINES = 4
"""Of them with Ray and all; in the others a program ends at once in place of the worker."""
LABEL = {"crowd": "one"}
SMALL = {"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}}


def one_of_many(number: int) -> Document:
    name = f"crowd-{number}"
    spec: dict[str, Any] = {"namespace": NAMESPACE, "mode": "Subprocess"}
    if number >= PIPELINES:
        container = {"name": "pipeline", "command": ["true"], "resources": SMALL}
        spec["podTemplate"] = {"spec": {"containers": [container]}}
    document = manifest(name, stage("square", "square"), **spec)
    document["metadata"]["labels"] = LABEL
    return document


def test_a_hundred_runs_at_once_leave_nothing_but_finished_pods(
    cluster: Cluster, runs: Runs
) -> None:
    before = runs.writes(ACCOUNT).total()
    runs.apply({"apiVersion": "v1", "kind": "List", "items": [*map(one_of_many, range(SIZE))]})

    def crowd() -> list[Document]:
        items: list[Document] = cluster.get("pipelineruns", "-n", NAMESPACE, "-lcrowd")["items"]
        return items

    wait_for(lambda: all("exitCode" in run.get("status", {}) for run in crowd()), 600, poll=2)
    ends = [(run["status"]["phase"], run["status"]["attempt"]) for run in crowd()]
    assert ends == [("Succeeded", 1)] * SIZE
    names = {run["metadata"]["name"] for run in crowd()}
    pods = [
        pod
        for pod in cluster.get("pods", "-n", NAMESPACE)["items"]
        if pod["metadata"]["labels"].get("pipelinerun.dev/run") in names
    ]
    assert [pod["status"]["phase"] for pod in pods] == ["Succeeded"] * SIZE
    selector = ("-n", NAMESPACE, "--field-selector=status.phase=Running")
    assert cluster.get("pods", *selector)["items"] == []
    # Events are told last.
    wait_for(lambda: all(len(runs.events(name, NAMESPACE)) == 1 for name in names), poll=1)
    writes = runs.writes(ACCOUNT).total() - before
    # Pipelines that were long enough to be seen running have written that, too.
    assert writes <= 5 * SIZE
