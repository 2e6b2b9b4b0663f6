"""Runs in worker pods, and the pods."""

from typing import Any

from tests.cluster.controlplane import ControlPlane
from tests.support.installation import WORKERS
from tests.support.runs import Document, Runs, manifest

STEPS = """
import time

def wait_at_first(row, context):
    print("row", row["n"], "of attempt", context.attempt, flush=True)
    while context.attempt == 1 and not context.stopping:
        time.sleep(0.05)
    return row

def hear_nothing(row):
    while True:
        time.sleep(0.05)

def say_no_more():
    yield {"n": 0}
    time.sleep(3600)
"""
WAITS: Document = {"name": "wait", "callable": "waiting:wait_at_first"}
"""A stage that ends in the first attempt only when it is told to."""
HEARS_NOTHING: Document = {"name": "deaf", "callable": "waiting:hear_nothing"}
"""A stage that never ends."""
PATIENCE = 300.0
"""Seconds in which many pipelines that start together have started."""
SMALL = {"requests": {"cpu": "10m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}}
"""Resources with which many pipelines find a place on a node."""
_CONTAINER = {"name": "pipeline", "resources": SMALL}


def small_run(name: str, *middle: Document, pod: Document | None = None, **spec: Any) -> Document:
    """A run in a worker pod that asks for little of its node."""
    template = {"spec": {"containers": [_CONTAINER], **(pod or {})}}
    given = {"namespace": WORKERS, "mode": "Subprocess", "podTemplate": template, **spec}
    document = manifest(name, *middle, **given)
    document["spec"]["code"]["files"]["waiting.py"] = STEPS
    return document


def pods_of(cluster: ControlPlane, name: str) -> list[Document]:
    """The pods of a run, by attempt."""
    items = cluster.pods(WORKERS, f"pipelinerun.dev/run={name}")
    return sorted(items, key=lambda it: int(it["metadata"]["labels"]["pipelinerun.dev/attempt"]))


def works(runs: Runs, name: str, namespace: str = WORKERS) -> Document:
    """Wait until the second stage of a run works; gives the status."""

    def begun(status: Document) -> bool:
        stages = status.get("stages", [])
        return len(stages) > 1 and stages[1]["state"] != "Pending"

    return runs.wait(name, begun, namespace, PATIENCE)


def log_of(cluster: ControlPlane, pod: Document) -> str:
    """The log of a pod, as ``kubectl logs`` has it."""
    return cluster.kubectl("logs", "-n", WORKERS, pod["metadata"]["name"])
