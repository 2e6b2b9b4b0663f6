"""Runs whose attempts are each given a RayCluster, on an API server without nodes or KubeRay."""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from pipelinerun.api.delivery import unpack
from tests.apiserver.conftest import OPERATOR
from tests.cluster.controlplane import ControlPlane
from tests.support.fault_proxy import FaultProxy, Faults
from tests.support.kuberay import HEAD, ray_clusters, say_blocked, say_ready
from tests.support.nodeless_pods import end_pod_of, pods_of
from tests.support.operator import OperatorProcess
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest, reasons
from tests.support.waiting import wait_for

NAMESPACE = "clusters"
TEMPLATE: Document = {
    "metadata": {"labels": {"team": "data"}},
    "spec": {"headGroupSpec": HEAD},
}
AGAIN = {"infrastructureLimit": 1, "backoff": {"initialSeconds": 0.1}}


@pytest.fixture(scope="module")
def proxy(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultProxy]:
    """The operator's way to the API server."""
    folder = tmp_path_factory.mktemp("proxy")
    with FaultProxy(cluster, folder, Faults(), seed=1) as it:
        yield it


@pytest.fixture(scope="module")
def operator(
    cluster: ControlPlane, proxy: FaultProxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """An operator without Ray."""
    cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.kubectl("create", "serviceaccount", "default", "-n", NAMESPACE)
    log = tmp_path_factory.mktemp("clusters") / "log"
    process = OperatorProcess(proxy.kubeconfig_for(OPERATOR), log, "-n", NAMESPACE)
    process.add_options("--no-in-process", "--worker-image", "worker:1")
    process.start()
    yield process
    process.stop()


pytestmark = pytest.mark.usefixtures("operator")


@pytest.fixture(scope="module")
def crd(cluster: ControlPlane) -> Iterator[None]:
    with ray_clusters(cluster):
        yield


def run(name: str, **spec: Any) -> Document:
    given: Document = {
        "ray": {"clusterTemplate": TEMPLATE},
        "retries": {"infrastructureLimit": 0},
        **spec,
    }
    return manifest(name, namespace=NAMESPACE, mode="Subprocess", **given)


def clusters_of(cluster: ControlPlane, name: str) -> list[Document]:
    selector = f"-lpipelinerun.dev/run={name}"
    return list(cluster.get("rayclusters", "-n", NAMESPACE, selector)["items"])


def awaits_cluster(runs: Runs, cluster: ControlPlane, name: str, attempt: int = 1) -> Document:
    """Wait until an attempt has a cluster that is not ready, and return that."""

    def awaits(status: Document) -> bool:
        told = reasons(status).get("Succeeded") == ("Unknown", "WaitingForCluster")
        return told and status["phase"] == "Starting" and status["attempt"] == attempt

    status = runs.wait(name, awaits, NAMESPACE)
    wait_for(lambda: len(clusters_of(cluster, name)) == 1)
    (made,) = clusters_of(cluster, name)
    assert made["metadata"]["name"] == status["worker"]["rayCluster"]
    return made


def begins(cluster: ControlPlane, name: str, made: Document) -> Document:
    """Say that a cluster is ready, and wait for the worker pod of the attempt."""
    number = made["metadata"]["labels"]["pipelinerun.dev/attempt"]
    say_ready(cluster, made["metadata"]["name"], NAMESPACE)

    def pods() -> list[Document]:
        found = pods_of(cluster, name, NAMESPACE)
        return [it for it in found if it["metadata"]["labels"]["pipelinerun.dev/attempt"] == number]

    wait_for(lambda: len(pods()) == 1)
    return pods()[0]


def ends(runs: Runs, cluster: ControlPlane, name: str) -> Document:
    """Wait until a run has ended, and nothing of its clusters is left."""
    status = runs.wait(name, is_finished, NAMESPACE)
    wait_for(lambda: not clusters_of(cluster, name))
    return status


def test_without_kuberay_there_is_no_cluster_to_be_had(runs: Runs) -> None:
    status = runs.finish(run("no-kuberay"))
    assert (status["exitCode"], status["failure"]["class"]) == (2, "Config"), status
    assert status["failure"]["message"].startswith("spec.ray.clusterTemplate: this cluster has no")


@pytest.mark.usefixtures("crd")
def test_a_template_that_the_api_server_refuses_is_told_at_once(runs: Runs) -> None:
    misspelt = {"spec": {"headGroupSpec": HEAD | {"rayStartParms": {}}}}
    status = runs.finish(run("misspelt", ray={"clusterTemplate": misspelt}))
    assert (status["exitCode"], status["failure"]["class"]) == (2, "Config"), status
    assert "rayStartParms" in status["failure"]["message"]
    # It comes after the end, and would count among the writes of the next run.
    wait_for(lambda: bool(runs.events("misspelt", NAMESPACE)))


@pytest.mark.usefixtures("crd")
def test_a_cluster_is_made_for_the_attempt_and_goes_with_it(
    cluster: ControlPlane, runs: Runs
) -> None:
    before = runs.writes(OPERATOR)
    runs.apply(run("made"))
    made = awaits_cluster(runs, cluster, "made")
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("PipelineRun", "made", True)
    assert made["metadata"]["labels"]["team"] == "data"
    assert not pods_of(cluster, "made", NAMESPACE)
    pod = begins(cluster, "made", made)
    job = unpack(pod["metadata"]["annotations"]["pipelinerun.dev/job"])
    service = f"{made['metadata']['name']}-head-svc"
    assert job.ray.address == f"http://{service}.{NAMESPACE}.svc:8265"
    assert job.ray.cluster_template is None
    end_pod_of(cluster, "made", NAMESPACE)
    status = ends(runs, cluster, "made")
    assert (status["phase"], status["attempt"]) == ("Succeeded", 1), status
    assert status["worker"]["rayCluster"] == made["metadata"]["name"]
    wait_for(lambda: runs.events("made", NAMESPACE) == [("Normal", "Completed")])
    writes = runs.writes(OPERATOR) - before
    # As without a cluster, and two: a run that is never seen to run saves one.
    assert writes == Counter(
        {
            "update pipelineruns/status": 2,
            "create pods": 1,
            "create events": 1,
            "create rayclusters": 1,
            "delete rayclusters": 1,
        }
    )


@pytest.mark.usefixtures("crd")
def test_each_attempt_has_a_cluster_of_its_own_and_never_two(
    cluster: ControlPlane, runs: Runs
) -> None:
    runs.apply(run("again", retries=AGAIN))
    first = awaits_cluster(runs, cluster, "again")
    pod = begins(cluster, "again", first)
    cluster.kubectl("delete", "pod", pod["metadata"]["name"], "-n", NAMESPACE, "--grace-period=0")
    second = awaits_cluster(runs, cluster, "again", attempt=2)
    assert first["metadata"]["name"] != second["metadata"]["name"]
    runs.change("again", NAMESPACE, suspend=True)
    runs.wait("again", in_phase("Suspended"), NAMESPACE)
    wait_for(lambda: not clusters_of(cluster, "again"))
    runs.change("again", NAMESPACE, suspend=False)
    awaits_cluster(runs, cluster, "again", attempt=3)
    runs.change("again", NAMESPACE, shutdown="Terminate")
    status = ends(runs, cluster, "again")
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 143), status


@pytest.mark.usefixtures("crd")
def test_a_cluster_that_does_not_come_up_says_why_and_is_given_up(
    cluster: ControlPlane, runs: Runs
) -> None:
    runs.apply(run("blocked"))
    made = awaits_cluster(runs, cluster, "blocked")
    say_blocked(cluster, made["metadata"]["name"], NAMESPACE, "exceeded quota: small")
    blocked = ("Unknown", "ClusterBlocked")
    runs.wait("blocked", lambda it: reasons(it)["Succeeded"] == blocked, NAMESPACE)
    runs.change("blocked", NAMESPACE, pendingDeadlineSeconds=1)
    status = ends(runs, cluster, "blocked")
    assert (status["exitCode"], status["failure"]["class"]) == (124, "Timeout"), status
    assert "exceeded quota: small" in status["failure"]["message"]


@pytest.mark.usefixtures("crd")
def test_a_cluster_that_comes_when_its_run_has_ended_does_not_stay(
    cluster: ControlPlane, runs: Runs, proxy: FaultProxy
) -> None:
    proxy.faults = Faults(held=1.0, only="POST /apis/ray.io", longest_silence=0.1)
    runs.apply(run("late"))
    wait_for(lambda: bool(proxy.injected["held"]))
    runs.change("late", NAMESPACE, shutdown="Terminate")
    status = runs.wait("late", is_finished, NAMESPACE)
    assert status["phase"] == "Cancelled", status
    before = runs.writes(OPERATOR)["create rayclusters"]
    proxy.faults = Faults()
    wait_for(lambda: runs.writes(OPERATOR)["create rayclusters"] > before)
    wait_for(lambda: not clusters_of(cluster, "late"))


@pytest.mark.usefixtures("crd")
def test_an_operator_that_is_killed_loses_no_cluster_and_makes_no_second(
    cluster: ControlPlane, runs: Runs, operator: OperatorProcess
) -> None:
    runs.apply(run("survives"))
    made = awaits_cluster(runs, cluster, "survives")
    operator.stop(signal.SIGKILL)
    operator.start()
    begins(cluster, "survives", made)
    (still,) = clusters_of(cluster, "survives")
    assert still["metadata"]["uid"] == made["metadata"]["uid"]
    end_pod_of(cluster, "survives", NAMESPACE)
    status = ends(runs, cluster, "survives")
    assert (status["phase"], status["attempt"]) == ("Succeeded", 1), status
    # As if it had been killed when the end was written and the cluster not deleted yet.
    operator.stop(signal.SIGKILL)
    kept = {it: made["metadata"][it] for it in ("name", "namespace", "labels", "ownerReferences")}
    document = json.dumps({**made, "metadata": kept})
    cluster.kubectl("create", "-f", "-", stdin=document)
    operator.start()
    wait_for(lambda: not clusters_of(cluster, "survives"))
