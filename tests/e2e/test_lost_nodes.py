"""Nodes that are lost with what runs on them."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cluster.node import NODE, Cluster
from tests.support.installation import IN_PROCESS, WORKERS, Installation
from tests.support.pods import PATIENCE, WAITS, pods_of, small_run, works
from tests.support.runs import Document, Runs, is_finished
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.usefixtures("operator"), pytest.mark.timeout(900)]

RETRIES = {"infrastructureLimit": 1, "backoff": {"initialSeconds": 0.1}}
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
"""The taint by which people say that a node is down for good."""


@contextmanager
def lost(cluster: Cluster, pod: Document) -> Iterator[None]:
    """The node does not answer any more, and a pod's processes are gone."""
    cluster.stop_kubelet()
    try:
        cluster.kill_pod(pod)
        yield
    finally:
        cluster.start_kubelet()
        cluster.try_kubectl("taint", "node", NODE, f"{OUT_OF_SERVICE}-")
        wait_for(cluster.is_ready, PATIENCE)


def done_about(cluster: Cluster, *pods: str) -> list[tuple[str, str]]:
    """What was done about pods: verb and name."""
    return [
        (event["verb"], reference["name"])
        for event in cluster.audit_events()
        if (reference := event.get("objectRef", {})).get("resource") == "pods"
        and event["verb"] in {"create", "delete"}
        and "subresource" not in reference
        and reference.get("name") in pods
        and event["responseStatus"]["code"] < 300
    ]


def test_a_run_whose_node_is_lost_is_tried_again_once_it_is_certain(
    cluster: Cluster, runs: Runs
) -> None:
    runs.apply(small_run("bereft", WAITS, retries=RETRIES))
    works(runs, "bereft")
    (first,) = pods_of(cluster, "bereft")
    with lost(cluster, first):
        wait_for(lambda: not cluster.is_ready(), PATIENCE)
        # It may be running for all that anybody knows.
        assert runs.status("bereft", WORKERS)["attempt"] == 1
        cluster.kubectl("taint", "node", NODE, f"{OUT_OF_SERVICE}=nodeshutdown:NoExecute")
        again = runs.wait("bereft", lambda it: it["attempt"] == 2, WORKERS, PATIENCE)
    attempt, _ = again["attempts"]
    assert (attempt["reason"], attempt["failureClass"], attempt["exitCode"]) == (
        "NodeLost",
        "Infrastructure",
        137,
    )
    status = runs.wait("bereft", is_finished, WORKERS, PATIENCE)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 2), status
    assert status["infrastructureFailures"] == 1
    (second,) = pods_of(cluster, "bereft")
    one, two = (pod["metadata"]["name"] for pod in (first, second))
    done = done_about(cluster, one, two)
    assert done[0] == ("create", one)
    assert done[-1] == ("create", two)
    assert {*done[1:-1]} == {("delete", one)}


def test_runs_in_pods_and_in_the_operator_s_ray_are_tried_again_after_a_power_failure(
    cluster: Cluster, runs: Runs, operator: Installation
) -> None:
    runs.apply(small_run("unplugged", WAITS, retries=RETRIES))
    inside = small_run("unplugged-inside", WAITS, retries=RETRIES, mode="InProcess")
    inside["metadata"]["namespace"] = IN_PROCESS
    runs.apply(inside)
    works(runs, "unplugged")
    works(runs, "unplugged-inside", IN_PROCESS)
    cluster.lose_power()
    cluster.regain_power()
    for name, namespace in (("unplugged", WORKERS), ("unplugged-inside", IN_PROCESS)):
        status = runs.wait(name, is_finished, namespace, PATIENCE)
        assert (status["phase"], status["attempt"]) == ("Succeeded", 2), status
        assert status["infrastructureFailures"] == 1, status
        assert status["attempts"][0]["failureClass"] == "Infrastructure", status
    operator.wait_ready()
