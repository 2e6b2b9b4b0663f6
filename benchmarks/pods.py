"""A container that does nothing, as a run and as a Job: the same pod on the same node, in turns."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kubernetes import client, config, watch

from benchmarks.node import NAMESPACE, node_with_operator
from benchmarks.report import Row, compared, seconds
from pipelinerun.api.names import GROUP, VERSION
from tests.cluster.node import Cluster
from tests.support.installation import ACCOUNT
from tests.support.runs import Runs, manifest

WARM_UP = 2
ROUNDS = 30
CROWD = 30
NOTHING = {
    "name": "pipeline",
    "command": ["true"],
    "resources": {"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
}

Document = dict[str, Any]


class Bench:
    """Creates runs and Jobs, and watches them end."""

    def __init__(self, cluster: Cluster) -> None:
        connect: Any = config.new_client_from_config
        api = connect(str(cluster.kubeconfig))
        self._custom, self._batch = client.CustomObjectsApi(api), client.BatchV1Api(api)
        self._of = (GROUP, VERSION, NAMESPACE, "pipelineruns")

    def runs(self, *names: str) -> float:
        """Seconds until runs of these names have succeeded."""

        def create(name: str) -> None:
            self._custom.create_namespaced_custom_object(*self._of, _run(name))

        runs = (
            event["object"]
            for event in _watch(self._custom.list_namespaced_custom_object, *self._of)
        )
        succeeded = (run for run in runs if run.get("status", {}).get("phase") == "Succeeded")
        return _seconds(names, create, (run["metadata"]["name"] for run in succeeded))

    def jobs(self, pod: Document, *names: str) -> float:
        """Seconds until Jobs with a pod like this have completed."""

        def create(name: str) -> None:
            body: Any = _job(name, pod)
            self._batch.create_namespaced_job(NAMESPACE, body)

        jobs = (event["object"] for event in _watch(self._batch.list_namespaced_job, NAMESPACE))
        completed = (job for job in jobs if _is_complete(job))
        return _seconds(names, create, (job.metadata.name for job in completed))


def _seconds(names: Sequence[str], create: Callable[[str], None], ended: Iterator[str]) -> float:
    """From the first creation until each name was seen among those that have ended."""
    started = time.perf_counter()
    for name in names:
        create(name)
    waiting = set(names)
    while waiting:
        waiting.discard(next(ended))
    return time.perf_counter() - started


def _watch(listing: Any, *arguments: str) -> Iterator[Any]:
    """What is there, and what changes; asked for when the first is wanted."""
    watcher: Any = watch.Watch
    yield from watcher().stream(listing, *arguments)


def _is_complete(job: Any) -> bool:
    return any(it.type == "Complete" and it.status == "True" for it in job.status.conditions or ())


def measure() -> Iterator[Row]:
    """Take turns between a run and a Job with the same pod."""
    with node_with_operator() as cluster:
        bench, runs = Bench(cluster), Runs(cluster)
        bench.runs("first")
        pod = _pod_of(cluster, "first")
        before = runs.writes(ACCOUNT).total()
        ours: list[float] = []
        jobs: list[float] = []
        for number in range(WARM_UP + ROUNDS):
            times = bench.runs(f"run-{number}"), bench.jobs(pod, f"job-{number}")
            if number >= WARM_UP:
                ours.append(times[0])
                jobs.append(times[1])
        writes = (runs.writes(ACCOUNT).total() - before) / (WARM_UP + ROUNDS)
        yield compared(f"a container that does nothing, median of {ROUNDS}", ours, jobs)
        yield Row("slowest", seconds(max(ours)), seconds(max(jobs)))
        yield Row("API writes of the operator per run, events included", f"{writes:.1f}")
        yield compared(
            f"{CROWD} at once, until the last has finished",
            [bench.runs(*(f"crowd-{number}" for number in range(CROWD)))],
            [bench.jobs(pod, *(f"crowd-{number}" for number in range(CROWD)))],
        )


def _run(name: str) -> Document:
    template = {"spec": {"containers": [NOTHING]}}
    return manifest(name, namespace=NAMESPACE, mode="Subprocess", podTemplate=template)


def _job(name: str, pod: Document) -> Document:
    metadata = {"name": name, "namespace": NAMESPACE}
    spec = {"backoffLimit": 0, "template": pod}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _pod_of(cluster: Cluster, run: str) -> Document:
    """The pod of a run as a template: volumes, security and all."""
    (pod,) = cluster.get("pods", "-n", NAMESPACE, f"-lpipelinerun.dev/run={run}")["items"]
    for name in ("nodeName", "tolerations"):
        pod["spec"].pop(name, None)
    return {"metadata": {"annotations": pod["metadata"]["annotations"]}, "spec": pod["spec"]}
