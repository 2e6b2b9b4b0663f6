"""Replicas and reservations."""

from typing import Any

import pytest

from pipelinerun.api.definition import Runtime, Stage
from pipelinerun.engine.resources import (
    Scale,
    default_actor_cpus,
    never_satisfied,
    reservation_of,
    scale_of,
)

DYNAMIC, FIXED = Runtime(), Runtime(disable_dynamic_scaling=True)


def stage(**fields: Any) -> Stage:
    return Stage.model_validate({"name": "s", "actor": "steps:Model", **fields})


@pytest.mark.parametrize(
    ("replicas", "dynamic", "fixed"),
    [
        (None, Scale(1, None), Scale(1, 1)),
        ({"max": 3}, Scale(1, 3), Scale(3, 3)),
        ({"min": 2}, Scale(2, None), Scale(2, 2)),
        ({"min": 2, "max": 4}, Scale(2, 4), Scale(4, 4)),
        ({"min": 1, "max": 4, "static": 2}, Scale(1, 4), Scale(2, 2)),
    ],
)
def test_how_many_replicas(replicas: Any, dynamic: Scale, fixed: Scale) -> None:
    it = stage() if replicas is None else stage(replicas=replicas)
    assert scale_of(it, DYNAMIC) == dynamic
    assert scale_of(it, FIXED) == fixed


def test_what_a_replica_reserves() -> None:
    wanted = {"cpus": 0.5, "gpus": 1, "memory": "1Gi"}
    assert reservation_of(stage(resources=wanted), 1.0) == {
        "num_cpus": 0.5,
        "num_gpus": 1,
        "memory": 2**30,
    }
    assert reservation_of(stage(), 1.0) == {"num_cpus": 1.0}
    assert reservation_of(stage(), None) == {}


@pytest.mark.parametrize("count", [0, 1, 2, 5, 40, 499])
@pytest.mark.parametrize("cpus", [1.0, 2.0, 64.0])
def test_stateful_stages_at_their_minimum_always_leave_room(count: int, cpus: float) -> None:
    each = default_actor_cpus([stage()] * count, DYNAMIC, cpus)
    assert 0 < each <= 1
    assert each * count <= cpus / 2


def test_what_can_never_be_had_is_told_by_field() -> None:
    stages = [
        stage(resources={"cpus": 2}, replicas={"min": 3}),
        stage(resources={"gpus": 1}, enabled=False),
        stage(resources={"memory": "1Gi"}),
        stage(resources={"cpus": 4}),
    ]
    told = [str(it) for it in never_satisfied(stages, DYNAMIC, {"CPU": 4.0, "memory": 1e6})]
    assert told == [
        "stages[0].resources: asks for 3 x 2 CPUs, of which Ray has 4",
        "stages[2].resources: asks for 1073741824 bytes of memory, of which Ray has 1000000",
    ]
