"""Runs in worker pods on a real node, to every kind of end."""

import json
from collections import Counter
from typing import Any

import pytest

from pipelinerun.core.timestamps import parse_time
from tests.cluster.node import Cluster
from tests.support.installation import ACCOUNT, Installation
from tests.support.installation import WORKERS as NAMESPACE
from tests.support.runs import Document, Runs, is_finished, manifest, reasons, stage
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("operator")

ONCE = {"infrastructureLimit": 0}
SLOW = stage("sleep", "sleep", seconds=600)


def run(name: str, *middle: Document, **spec: Any) -> Document:
    return manifest(name, *middle, namespace=NAMESPACE, mode="Subprocess", **spec)


def container(**fields: Any) -> Document:
    return {"podTemplate": {"spec": {"containers": [{"name": "pipeline", **fields}]}}}


def pod_of(cluster: Cluster, name: str) -> Document:
    (pod,) = cluster.pods(NAMESPACE, f"pipelinerun.dev/run={name}")
    return pod


def _seconds(status: Document) -> float:
    """From start to completion, rounded up."""
    start, end = (parse_time(status[it]) for it in ("startTime", "completionTime"))
    return (end - start).total_seconds() + 1


def finish(runs: Runs, document: Document) -> Document:
    runs.apply(document)
    return runs.wait(document["metadata"]["name"], is_finished, NAMESPACE)


def started(runs: Runs, name: str) -> Document:
    """Wait until the second stage of the run works."""

    def works(status: Document) -> bool:
        stages = status.get("stages", [])
        return len(stages) > 1 and stages[1]["state"] != "Pending"

    return runs.wait(name, works, NAMESPACE)


def test_a_run_succeeds_and_its_pod_keeps_the_log(cluster: Cluster, runs: Runs) -> None:
    before = runs.writes(ACCOUNT)
    show = {"name": "end", "type": "sink", "callable": "builtins:print"}
    document = run("succeeds", stage("square", "square"))
    document["spec"]["pipeline"]["stages"][-1] = show
    status = finish(runs, document)
    assert (status["phase"], status["exitCode"]) == ("Succeeded", 0), status
    assert [(it["name"], it["rowsIn"], it["rowsOut"]) for it in status["stages"]] == [
        ("numbers", 0, 5),
        ("square", 5, 5),
        ("end", 5, 0),
    ]
    pod = pod_of(cluster, "succeeds")
    assert status["worker"] == {"pod": pod["metadata"]["name"], "node": "node1"}
    (state,) = pod["status"]["containerStatuses"]
    assert state["state"]["terminated"]["exitCode"] == 0
    log = cluster.kubectl("logs", "-n", NAMESPACE, pod["metadata"]["name"])
    marked = [line.split(" | ") for line in log.splitlines()]
    assert [(stage, eval(row)["square"]) for stage, row in marked] == [
        ("end", n * n) for n in range(5)
    ]
    wait_for(lambda: runs.events("succeeds", NAMESPACE) == [("Normal", "Completed")])
    writes = runs.writes(ACCOUNT) - before
    progress = writes["update pipelineruns/status"] - 3
    # At most one in ten seconds, besides the start, the first sight of it and the end.
    assert 0 <= progress <= _seconds(status) / 10
    assert writes - Counter({"update pipelineruns/status": progress}) == Counter(
        {"update pipelineruns/status": 3, "create pods": 1, "create events": 1}
    )


def test_memory_beyond_the_limit_is_told_as_such(runs: Runs) -> None:
    resources = {"requests": {"memory": "1Gi"}, "limits": {"memory": "1Gi"}}
    document = run("hungry", stage("eat", "eat"), **container(resources=resources))
    document["spec"]["code"]["files"]["steps.py"] += (
        "\ndef eat(row):\n    held = [b'x' * 2**20 for _ in range(4096)]\n    return row\n"
    )
    status = finish(runs, document)
    assert (status["exitCode"], status["failure"]["class"]) == (137, "OutOfMemory"), status
    assert reasons(status)["Succeeded"] == ("False", "OutOfMemory")


def test_a_pod_that_is_deleted_is_a_failure_of_the_infrastructure(
    cluster: Cluster, runs: Runs
) -> None:
    runs.apply(run("deleted", SLOW, retries=ONCE))
    started(runs, "deleted")
    pod = pod_of(cluster, "deleted")["metadata"]["name"]
    cluster.kubectl("delete", "pod", pod, "-n", NAMESPACE)
    status = runs.wait("deleted", is_finished, NAMESPACE)
    assert (status["exitCode"], status["failure"]["class"]) == (143, "Infrastructure"), status
    assert reasons(status)["Succeeded"] == ("False", "PodDeleted")


def test_an_evicted_pod_is_tried_again_from_its_own_budget(cluster: Cluster, runs: Runs) -> None:
    retries = {"infrastructureLimit": 1, "backoff": {"initialSeconds": 0.1}}
    runs.apply(run("evicted", stage("sleep", "sleep", seconds=5), retries=retries))
    started(runs, "evicted")
    pod = pod_of(cluster, "evicted")["metadata"]["name"]
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": NAMESPACE},
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"
    cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))
    status = runs.wait("evicted", is_finished, NAMESPACE)
    assert (status["phase"], status["attempt"], status["infrastructureFailures"]) == (
        "Succeeded",
        2,
        1,
    )
    assert status["attempts"][0]["reason"] == "Evicted"


@pytest.mark.parametrize(
    ("name", "fields", "reason"),
    [
        ("no-image", container(image="localhost/nowhere:1"), "ImagePullFailed"),
        ("no-name", container(image="Not An Image", imagePullPolicy="Always"), "ImagePullFailed"),
    ],
)
def test_an_image_that_cannot_be_had(
    cluster: Cluster, runs: Runs, name: str, fields: Document, reason: str
) -> None:
    status = finish(runs, run(name, **fields))
    assert (status["exitCode"], status["failure"]["class"]) == (125, "Config"), status
    assert reasons(status)["Succeeded"] == ("False", reason)
    # It would wait for ever, and take a place on the node.
    wait_for(lambda: not cluster.pods(NAMESPACE, f"pipelinerun.dev/run={name}"))


LEAK = """
import os

def leak(row):
    raise ValueError("cannot log in with " + os.environ["PASSWORD"])
"""


def test_no_value_of_a_secret_is_in_a_status_or_an_event(cluster: Cluster, runs: Runs) -> None:
    value = "correct-horse-battery"
    cluster.kubectl(
        *("create", "secret", "generic", "database", "-n", NAMESPACE),
        f"--from-literal=password={value}",
    )
    reference = {"secretKeyRef": {"name": "database", "key": "password"}}
    document = run(
        "secretive",
        {"name": "leak", "callable": "leak:leak"},
        **container(env=[{"name": "PASSWORD", "valueFrom": reference}]),
    )
    document["spec"]["code"]["files"]["leak.py"] = LEAK
    status = finish(runs, document)
    assert status["failure"]["message"] == "cannot log in with ***"
    assert "cannot log in with ***" in status["failure"]["tail"]
    wait_for(lambda: ("Warning", "PipelineFailed") in runs.events("secretive", NAMESPACE))
    events = cluster.kubectl("get", "events", "-n", NAMESPACE, "-o", "json")
    assert value not in json.dumps(status) + events


def test_a_pod_that_no_node_takes_says_so(runs: Runs) -> None:
    selector = {"podTemplate": {"spec": {"nodeSelector": {"moon": "full"}}}}
    runs.apply(run("nowhere", **selector))
    status = runs.wait(
        "nowhere",
        lambda it: reasons(it).get("Succeeded") == ("Unknown", "Unschedulable"),
        NAMESPACE,
    )
    assert status["phase"] == "Starting"
    runs.delete("nowhere", NAMESPACE)


def test_a_kubelet_that_is_away_for_a_while_loses_nothing(cluster: Cluster, runs: Runs) -> None:
    runs.apply(run("patient", stage("sleep", "sleep", seconds=1)))
    started(runs, "patient")
    cluster.stop_kubelet()
    cluster.start_kubelet()
    status = runs.wait("patient", is_finished, NAMESPACE)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 1), status


def test_a_restarted_operator_finds_the_pod_again(
    cluster: Cluster, runs: Runs, operator: Installation
) -> None:
    runs.apply(run("adopted", stage("sleep", "sleep", seconds=2)))
    started(runs, "adopted")
    operator.replace()
    status = runs.wait("adopted", is_finished, NAMESPACE)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 1), status
    assert pod_of(cluster, "adopted")["metadata"]["labels"]["pipelinerun.dev/attempt"] == "1"


def test_finally_stages_have_a_pod_whose_log_stays(cluster: Cluster, runs: Runs) -> None:
    document = run("wound-up", stage("wrong", "wrong"))
    document["spec"]["code"]["files"]["last.py"] = (
        "def report(context):\n    print(context.name, context.outcome.exit_code)\n"
    )
    document["spec"]["pipeline"]["finally"] = [{"name": "report", "callable": "last:report"}]
    status = finish(runs, document)
    assert (status["phase"], status["exitCode"]) == ("Failed", 1), status
    assert status["finally"]["state"] == "Succeeded", status
    pod = status["finally"]["worker"]["pod"]
    assert pod != status["worker"]["pod"]
    selector = "-lpipelinerun.dev/run=wound-up,pipelinerun.dev/finally"
    assert cluster.kubectl("logs", "-n", NAMESPACE, selector) == "report | wound-up 1\n"
    # The end of its container is known before that of the pod.
    wait_for(lambda: cluster.get("pod", pod, "-n", NAMESPACE)["status"]["phase"] == "Succeeded")


def test_deleting_a_run_ends_its_pod(cluster: Cluster, runs: Runs) -> None:
    runs.apply(run("unwanted", SLOW))
    started(runs, "unwanted")
    runs.delete("unwanted", NAMESPACE)
    wait_for(lambda: not cluster.pods(NAMESPACE, "pipelinerun.dev/run=unwanted"))
