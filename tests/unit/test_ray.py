from typing import Any

import pytest

from pipelinerun.api.ray import Ray, wrong_without_cluster
from pipelinerun.api.rules import broken_rules
from pipelinerun.api.spec import PipelineRunSpec

PIPELINE = {"stages": [{"name": "a", "type": "source", "callable": "x:y"}]}


@pytest.mark.parametrize(
    "address", ["http://head:8265", "https://ray.example.com/team/ray", "http://[::1]:8265/"]
)
def test_the_address_of_a_dashboard_is_taken(address: str) -> None:
    assert not list(broken_rules(Ray(address=address)))


@pytest.mark.parametrize(
    "address",
    [
        "ray://head:10001",
        "head:6379",
        "auto",
        "http://",
        "http://me:secret@head:8265",
        "http://h?q",
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    (wrong,) = broken_rules(Ray(address=address))
    assert str(wrong).startswith("address: must be the address of the dashboard")


def test_a_token_is_for_a_cluster_and_for_a_pod() -> None:
    secret = {"tokenSecret": {"name": "ray"}}
    (wrong,) = broken_rules(Ray.model_validate(secret))
    assert str(wrong).startswith("tokenSecret: is for a cluster: it needs address, cluster or")
    (wrong,) = broken_rules(Ray(address="http://head:8265", cluster="large"))
    assert str(wrong) == "cluster: cannot be given together with address"
    ray = secret | {"address": "http://head:8265"}
    spec = {"pipeline": PIPELINE, "ray": ray}
    assert not list(broken_rules(PipelineRunSpec.model_validate(spec)))
    (wrong,) = broken_rules(PipelineRunSpec.model_validate(spec | {"mode": "InProcess"}))
    assert str(wrong).startswith("ray: has a tokenSecret, which needs mode: Subprocess")


TEMPLATE: dict[str, Any] = {"clusterTemplate": {"spec": {"headGroupSpec": {}}}}


def test_a_cluster_is_there_or_made_and_not_both() -> None:
    assert not list(broken_rules(Ray.model_validate(TEMPLATE)))
    assert not list(broken_rules(Ray.model_validate(TEMPLATE | {"tokenSecret": {"name": "ray"}})))
    for other in ({"address": "http://head:8265"}, {"cluster": "large"}):
        (wrong,) = broken_rules(Ray.model_validate(TEMPLATE | other))
        assert str(wrong) == "clusterTemplate: cannot be given together with address or cluster"


def test_a_cluster_is_made_by_the_operator_alone() -> None:
    (wrong,) = wrong_without_cluster(Ray.model_validate(TEMPLATE))
    assert str(wrong).startswith("clusterTemplate: is made")
