"""Runtime overrides."""

import math

import pytest

from pipelinerun.api.definition import PipelineDefinition, Runtime
from pipelinerun.api.stage import Stage
from pipelinerun.execution.overrides import RuntimeOverrides

WRITTEN = PipelineDefinition(
    stages=[
        Stage(name="read", type="source", callable="ray.data:range"),
        Stage(name="write", type="sink", callable="ray.data:Dataset.write_parquet"),
    ],
    runtime=Runtime(disable_dynamic_scaling=True, dynamic_memory_threshold=0.75),
)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (RuntimeOverrides(), (True, 0.75)),
        (RuntimeOverrides(disable_dynamic_scaling=False), (False, 0.75)),
        (RuntimeOverrides(dynamic_memory_threshold=0), (True, 0)),
        (RuntimeOverrides(False, 1), (False, 1)),
    ],
)
def test_what_is_given_wins_and_the_rest_stays(
    overrides: RuntimeOverrides, expected: tuple[bool, float]
) -> None:
    before = WRITTEN.model_copy(deep=True)
    runtime = overrides.apply(WRITTEN).runtime
    assert (runtime.disable_dynamic_scaling, runtime.dynamic_memory_threshold) == expected
    assert before == WRITTEN


def test_the_threshold_of_static_replicas_is_overridden_by_itself() -> None:
    runtime = RuntimeOverrides(static_memory_threshold=0.5).apply(WRITTEN).runtime
    assert runtime == WRITTEN.runtime.model_copy(update={"static_memory_threshold": 0.5})


def test_an_override_survives_a_dump_of_what_is_set() -> None:
    bare = PipelineDefinition(stages=WRITTEN.stages)
    changed = RuntimeOverrides(dynamic_memory_threshold=0.5).apply(bare)
    assert changed.model_dump(exclude_unset=True)["runtime"] == {"dynamic_memory_threshold": 0.5}


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan, math.inf])
def test_a_threshold_is_a_share(threshold: float) -> None:
    with pytest.raises(ValueError, match="dynamic_memory_threshold must be from 0 to 1"):
        RuntimeOverrides(dynamic_memory_threshold=threshold)
    with pytest.raises(ValueError, match="static_memory_threshold must be from 0 to 1"):
        RuntimeOverrides(static_memory_threshold=threshold)
