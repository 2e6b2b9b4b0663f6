"""Replicas and reservations."""

from typing import Any

import pytest

from pipelinerun.api.definition import PipelineDefinition, Runtime
from pipelinerun.api.stage import Stage
from pipelinerun.engine.resources import (
    Scale,
    bounded,
    default_actor_cpus,
    never_satisfied,
    reservation_of,
    scale_of,
    source_cpus,
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


def function(**fields: Any) -> Stage:
    return Stage.model_validate({"name": "f", "callable": "steps:function", **fields})


@pytest.mark.parametrize("count", [0, 1, 2, 5, 40, 499])
@pytest.mark.parametrize("cpus", [0.5, 1.0, 1.5, 2.0, 3.0, 64.0])
@pytest.mark.parametrize("taken", [0.0, 1.0])
def test_classes_leave_half_of_the_cpus_and_a_whole_one(
    count: int, cpus: float, taken: float
) -> None:
    each = default_actor_cpus([stage()] * count, DYNAMIC, cpus, taken=taken)
    assert 0 <= each <= 1
    assert each * count <= cpus / 2
    assert each * count <= max(0.0, cpus - taken - 1)


@pytest.mark.parametrize(
    ("stages", "cpus", "each"),
    [
        ([stage()], 1.0, 0.0),
        ([stage()], 2.0, 1.0),
        ([stage(), stage()], 2.0, 0.5),
        ([stage(replicas={"min": 3})], 4.0, 0.666),
        ([stage(), stage(resources={"cpus": 2.5})], 4.0, 0.5),
        ([stage(), stage(resources={"cpus": 0})], 2.0, 1.0),
        ([stage(), function(resources={"cpus": 3})], 4.0, 1.0),
        ([stage(), function(resources={"cpus": 3.5})], 4.0, 0.5),
        ([stage(), function(resources={"cpus": 0.1})], 1.0, 0.0),
    ],
)
def test_what_a_class_reserves_by_default(stages: list[Stage], cpus: float, each: float) -> None:
    assert default_actor_cpus(stages, DYNAMIC, cpus) == each


def test_a_source_that_yields_lets_go_of_a_single_cpu_for_what_is_behind_a_class() -> None:
    source = function(type="source")
    assert source_cpus([source, stage()], 1.0) == 0
    assert source_cpus([source, stage()], 2.0) is None
    assert source_cpus([source, function()], 1.0) is None
    assert source_cpus([function(type="source", checkpoint="/rows"), function()], 1.0) == 0
    assert source_cpus([source, source, function()], 2.0) == 0
    assert source_cpus([source, source, function()], 3.0) is None


def test_replicas_that_reserve_nothing_are_no_more_than_cpus() -> None:
    assert bounded(Scale(1, None), {"num_cpus": 0.0}, 1.0) == Scale(1, 1)
    assert bounded(Scale(1, None), {"num_cpus": 0.0}, 2.0) == Scale(1, 2)
    assert bounded(Scale(3, None), {"num_cpus": 0.0}, 2.0) == Scale(3, 3)
    assert bounded(Scale(1, 9), {"num_cpus": 0.0}, 2.0) == Scale(1, 9)
    assert bounded(Scale(1, None), {"num_cpus": 0.0, "num_gpus": 1.0}, 2.0) == Scale(1, None)


def told(stages: list[Stage], *nodes: dict[str, float]) -> list[str]:
    named = [it.model_copy(update={"name": f"s{index}"}) for index, it in enumerate(stages)]
    return [str(it) for it in never_satisfied(PipelineDefinition(stages=named), nodes)]


READ = Stage(name="read", type="source", callable="ray.data:range")


def test_what_can_never_be_had_is_told_by_field() -> None:
    stages = [
        READ,
        stage(resources={"cpus": 2}, replicas={"min": 3}),
        stage(resources={"gpus": 1}, enabled=False),
        stage(resources={"memory": "1Gi"}),
        stage(resources={"cpus": 4}),
    ]
    assert told(stages, {"CPU": 4.0, "memory": 1e6}) == [
        "stages[1].resources: asks for 3 x 2 CPUs, of which Ray has 4",
        "stages[3].resources: asks for 1073741824 bytes of memory, of which Ray has 1000000",
    ]


@pytest.mark.parametrize(
    ("wanted", "nodes", "expected"),
    [
        ({"cpus": 3}, [2, 2], "asks for 1 x 3 CPUs; the nodes of Ray have room for 0"),
        ({"cpus": 3}, [2, 3], None),
        ({"cpus": 0.5, "gpus": 0.5}, [2, 2], None),
    ],
)
def test_a_replica_has_to_fit_into_one_node(
    wanted: dict[str, float], nodes: list[float], expected: str | None
) -> None:
    found = told(
        [READ, stage(resources=wanted, type="sink")],
        *({"CPU": cpus, "GPU": 1.0} for cpus in nodes),
        {"CPU": 1.0},
    )
    assert found == ([f"stages[1].resources: {expected}"] if expected else [])


def test_replicas_have_to_find_room_on_the_nodes_together() -> None:
    wanted = stage(resources={"cpus": 2}, replicas={"min": 3}, type="sink")
    assert told([READ, wanted], {"CPU": 3.0}, {"CPU": 3.0}, {"CPU": 1.0}) == [
        "stages[1].resources: asks for 3 x 2 CPUs; the nodes of Ray have room for 2"
    ]


GREEDY, SINK = stage(resources={"cpus": 1}), function(type="sink")


@pytest.mark.parametrize(
    ("stages", "total", "expected"),
    [
        ([READ, GREEDY, stage(), SINK], {"CPU": 1.0}, "1 CPUs, of which Ray has 1, and 's3' needs"),
        ([READ, GREEDY, stage(), SINK], {"CPU": 2.0}, None),
        ([READ, GREEDY, stage(type="sink")], {"CPU": 1.0}, None),
        ([READ, stage(), SINK], {"CPU": 1.0}, None),
        ([READ, GREEDY, GREEDY, SINK], {"CPU": 1.0}, "2 CPUs, of which Ray has 1"),
        # A reader or a function is one with the class behind it if both reserve the same.
        ([READ, function(), GREEDY, stage(type="sink")], {"CPU": 1.0}, None),
        (
            [READ, function(), stage(resources={"cpus": 2}), stage(type="sink")],
            {"CPU": 2.0},
            "2 CPUs, of which Ray has 2, and 's0' needs 1",
        ),
        (
            [READ, function(resources={"cpus": 2}), GREEDY, stage(type="sink")],
            {"CPU": 2.0},
            "1 CPUs, of which Ray has 2, and 's1' needs 2",
        ),
        (
            [READ, stage(resources={"gpus": 1}), stage(resources={"gpus": 0.5}), SINK],
            {"CPU": 2.0, "GPU": 1.0},
            "1.5 GPUs, of which Ray has 1",
        ),
        (
            [READ, stage(resources={"gpus": 0.5}), stage(resources={"gpus": 0.5}), SINK],
            {"CPU": 2.0, "GPU": 1.0},
            None,
        ),
        (
            [READ, stage(resources={"memory": "2k"}), function(resources={"memory": "1k"}), SINK],
            {"CPU": 4.0, "memory": 2500.0},
            "2000 bytes of memory, of which Ray has 2500, and 's2' needs 1000",
        ),
    ],
)
def test_what_runs_at_once_has_to_fit_together(
    stages: list[Stage], total: dict[str, float], expected: str | None
) -> None:
    found = told(stages, total)
    if expected is None:
        assert found == []
        return
    (text,) = found
    assert f"together with the other classes it reserves {expected}" in text
