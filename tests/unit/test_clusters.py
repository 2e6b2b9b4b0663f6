"""RayClusters: how those are made that attempts are given, and what KubeRay tells of them."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.api.ray import ClusterTemplate
from pipelinerun.controller.clusters.cluster import address_of, complete, owned_by, trouble_of
from pipelinerun.controller.clusters.template import cluster_manifest, cluster_name
from pipelinerun.controller.runs import read_run

UID = "0f6c8e0e-5b7c-4b5e-9a39-4a2c2a4f0d11"
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,60}[a-z0-9])?", fullmatch=True)
RUN = read_run(
    {
        "metadata": {
            "namespace": "team",
            "name": "large.run",
            "uid": UID,
            "resourceVersion": "1",
            "creationTimestamp": "2026-01-01T00:00:00Z",
        }
    }
)


@given(NAMES, st.integers(1, 2000))
def test_a_cluster_has_a_name_that_kuberay_takes(run: str, number: int) -> None:
    name = cluster_name(run, UID, number)
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
    assert len(name) <= 53
    assert name == cluster_name(run, UID, number)
    assert name != cluster_name(run, UID, number + 1)
    assert name != cluster_name(run, UID[::-1], number)


def test_a_cluster_belongs_to_its_run() -> None:
    template = ClusterTemplate.model_validate(
        {
            "metadata": {"labels": {"team": "data", "pipelinerun.dev/run": "another"}},
            "spec": {"headGroupSpec": {"rayStartParams": {}}},
        }
    )
    made = cluster_manifest(template, RUN, 2)
    assert made["metadata"]["namespace"] == "team"
    assert made["metadata"]["labels"] == {
        "team": "data",
        "app.kubernetes.io/name": "pipelinerun-cluster",
        "pipelinerun.dev/run": "large.run",
        "pipelinerun.dev/run-uid": UID,
        "pipelinerun.dev/attempt": "2",
    }
    assert made["spec"] == {"headGroupSpec": {"rayStartParams": {}}}
    assert owned_by(made, UID)
    assert not owned_by(made, "another")


def told(*conditions: str, **status: Any) -> dict[str, Any]:
    """A cluster with conditions that hold, or after an exclamation mark do not."""
    listed = [
        {"type": it.strip("!"), "status": str(not it.startswith("!")), "message": "why"}
        for it in conditions
    ]
    given = {"conditions": listed} if listed else {}
    head = {"head": {"serviceName": "large-head-svc"}}
    return {"metadata": {"namespace": "team"}, "status": {**head, **given, **status}}


@pytest.mark.parametrize(
    ("cluster", "reachable", "whole"),
    [
        ({"metadata": {"namespace": "team"}}, False, False),
        (told("!HeadPodReady", "!RayClusterProvisioned"), False, False),
        (told("HeadPodReady", "!RayClusterProvisioned"), True, False),
        (told("HeadPodReady", "RayClusterProvisioned"), True, True),
        (told("HeadPodReady", "RayClusterProvisioned", head={}), False, True),
        (told(), False, False),
        (told(state="ready"), True, True),
        (told("!HeadPodReady", state="ready"), False, True),
    ],
)
def test_a_cluster_is_ready_when_kuberay_says_so(
    cluster: dict[str, Any], reachable: bool, whole: bool
) -> None:
    address = "http://large-head-svc.team.svc:8265" if reachable else None
    assert (address_of(cluster), complete(cluster)) == (address, whole)
    assert trouble_of(cluster) is None


def test_a_cluster_that_is_being_deleted_is_not_ready() -> None:
    cluster = told("HeadPodReady", "RayClusterProvisioned")
    cluster["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert address_of(cluster) is None


def test_what_keeps_a_cluster_is_told() -> None:
    assert trouble_of(told("ReplicaFailure")) == "why"
    assert trouble_of(told("!ReplicaFailure")) is None
    assert trouble_of(told(state="failed", reason="no head")) == "no head"
