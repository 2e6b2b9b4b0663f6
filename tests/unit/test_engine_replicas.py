"""Strategies for the number of replicas."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.prepare import wrong_definition
from pipelinerun.api.replicas import Replicas
from pipelinerun.engine.replicas import Machine, scaled_down, with_numbers

GB = 2**30
MACHINE = Machine(cpus=16.0, memory=64.0 * GB)
CPUS, MEMORY, SHARED = "cpuPercentage", "memoryThresholding", "memoryStaticGlobalPercent"


def by_cpus(share: float, **more: Any) -> dict[str, Any]:
    return {CPUS: {"share": share, **more}}


def by_memory(each: str, **more: Any) -> dict[str, Any]:
    return {MEMORY: {"memoryPerReplica": each, **more}}


def sharing(each: str, **more: Any) -> dict[str, Any]:
    return {SHARED: {"memoryPerReplica": each, **more}}


def definition(*replicas: dict[str, Any] | None, **runtime: Any) -> PipelineDefinition:
    middle = [
        {"name": f"s{index}", "actor": "steps:Work"} | ({"replicas": it} if it else {})
        for index, it in enumerate(replicas)
    ]
    ends = [{"name": name, "type": name, "callable": "steps:it"} for name in ("source", "sink")]
    document = {"stages": [ends[0], *middle, ends[1]], "runtime": runtime}
    return PipelineDefinition.model_validate(document)


def numbers(*replicas: dict[str, Any] | None, **runtime: Any) -> list[Replicas | None]:
    resolved = with_numbers(definition(*replicas, **runtime), MACHINE)
    return [stage.replicas for stage in resolved.stages[1:-1]]


@pytest.mark.parametrize(
    ("replicas", "expected"),
    [
        ({"min": 2, "max": 5, "static": 3}, (2, 5)),
        ({"maxBy": by_cpus(0.5)}, (None, 8)),
        ({"maxBy": by_cpus(0.33)}, (None, 5)),
        ({"maxBy": by_cpus(0.01)}, (None, 1)),
        ({"maxBy": by_cpus(1, limit=4)}, (None, 4)),
        ({"minBy": by_cpus(0.25), "maxBy": by_cpus(0.5)}, (4, 8)),
        ({"min": 6, "maxBy": by_cpus(0.25)}, (6, 6)),
        ({"minBy": by_cpus(0.5), "max": 2}, (8, 8)),
        ({"maxBy": by_memory("10Gi")}, (None, 4)),
        ({"maxBy": by_memory("10Gi", threshold=1)}, (None, 6)),
        ({"maxBy": by_memory("1Gi", limit=7)}, (None, 7)),
        ({"maxBy": by_memory("99Gi")}, (None, 1)),
        ({"maxBy": by_memory("0")}, (None, 10_000)),
        ({"maxBy": sharing("10Gi")}, (None, 4)),
        ({"maxBy": sharing("10Gi", budget="20Gi")}, (None, 2)),
        ({"maxBy": sharing("10Gi", budget="90Gi", limit=3)}, (None, 3)),
    ],
)
def test_bounds_follow_from_what_ray_has(
    replicas: dict[str, Any], expected: tuple[int | None, int | None]
) -> None:
    (found,) = numbers(replicas)
    assert found is not None
    assert (found.min, found.max) == expected
    assert (found.static, found.min_by, found.max_by) == (None, None, None)


def test_the_runtime_says_what_share_of_the_memory_counts() -> None:
    replicas = {"maxBy": by_memory("8Gi"), "staticBy": by_memory("16Gi")}
    thresholds = {"dynamicMemoryThreshold": 0.5, "staticMemoryThreshold": 0.25}
    assert numbers(replicas, **thresholds) == [Replicas(max=4)]
    assert numbers(replicas, disableDynamicScaling=True, **thresholds) == [Replicas(static=1)]
    assert numbers(replicas, dynamicMemoryThreshold=0) == [Replicas(max=1)]


@pytest.mark.parametrize(
    ("replicas", "exact"),
    [
        ({"min": 2, "max": 5, "static": 3}, 3),
        ({"min": 2, "max": 5}, 5),
        ({"min": 2}, 2),
        ({"max": 5, "staticBy": by_cpus(0.5)}, 8),
        ({"maxBy": by_cpus(0.25)}, 4),
        ({"minBy": by_cpus(0.25)}, 4),
        ({}, 1),
        ({"staticBy": sharing("8Gi")}, 6),
    ],
)
def test_without_dynamic_scaling_the_number_is_exact(replicas: dict[str, Any], exact: int) -> None:
    document = definition(None, disableDynamicScaling=True)
    stage = document.stages[1].model_copy(update={"replicas": Replicas.model_validate(replicas)})
    document = document.model_copy(update={"stages": [stage]})
    assert with_numbers(document, MACHINE).stages[0].replicas == Replicas(static=exact)


def test_stages_that_share_the_memory_are_scaled_down_together() -> None:
    many, few = {"staticBy": sharing("2Gi")}, {"staticBy": sharing("2Gi", limit=8)}
    others = ({"static": 9}, None, {"staticBy": by_memory("2Gi")})
    found = numbers(many, few, *others, disableDynamicScaling=True)
    assert found == [
        Replicas(static=18),
        Replicas(static=6),
        Replicas(static=9),
        None,
        Replicas(static=24),
    ]


def test_a_disabled_stage_takes_no_memory_from_the_others() -> None:
    document = definition(*[{"staticBy": sharing("8Gi")}] * 2, disableDynamicScaling=True)
    stages = [*document.stages]
    stages[2] = stages[2].model_copy(update={"enabled": False})
    document = document.model_copy(update={"stages": stages})
    assert with_numbers(document, MACHINE).stages[1].replicas == Replicas(static=6)


COUNTS = st.dictionaries(
    st.integers(0, 9), st.tuples(st.integers(1, 100), st.integers(1, 50)), max_size=10
)


@given(COUNTS, st.integers(0, 5000))
def test_what_is_scaled_down_fits_unless_one_of_each_is_too_much(
    wanted: dict[int, tuple[int, int]], budget: int
) -> None:
    found = scaled_down(wanted, budget)
    assert found.keys() == wanted.keys()
    assert all(1 <= found[key] <= count for key, (count, _) in wanted.items())
    least = sum(each for _, each in wanted.values())
    needed = sum(found[key] * each for key, (_, each) in wanted.items())
    assert needed <= max(budget, least)


@given(COUNTS)
def test_what_fits_is_left_as_it_is(wanted: dict[int, tuple[int, int]]) -> None:
    budget = sum(count * each for count, each in wanted.values())
    assert scaled_down(wanted, budget) == {key: count for key, (count, _) in wanted.items()}


@pytest.mark.parametrize(
    ("replicas", "expected"),
    [
        ({"max": 2, "maxBy": by_cpus(1)}, "maxBy: does not go with max"),
        ({"min": 2, "minBy": by_cpus(1)}, "minBy: does not go with min"),
        ({"static": 2, "staticBy": by_cpus(1)}, "staticBy: does not go with static"),
        ({"maxBy": {}}, "maxBy: exactly one of"),
        ({"maxBy": by_cpus(1) | by_memory("1Gi")}, "maxBy: exactly one of"),
    ],
)
def test_one_way_is_to_be_chosen(replicas: dict[str, Any], expected: str) -> None:
    (wrong,) = wrong_definition(definition(replicas))
    assert str(wrong).startswith(f"stages[1].replicas.{expected}")
