"""Violations and the paths that name their fields."""

import pytest
from pydantic import ValidationError

from pipelinerun.api.run import PipelineRun
from pipelinerun.api.violations import (
    InvalidDefinitionError,
    Violation,
    from_validation_error,
    join_path,
)
from tests.support.definitions import manifest, stage


@pytest.mark.parametrize(
    ("parts", "joined"),
    [
        ((), ""),
        (("spec",), "spec"),
        (("spec", "", "pipeline"), "spec.pipeline"),
        (("stages", "[2]", "name"), "stages[2].name"),
        (("pipeline", "stages[2].runsAfter", "[0]"), "pipeline.stages[2].runsAfter[0]"),
        (("code", "files[steps.py]"), "code.files[steps.py]"),
    ],
)
def test_paths_are_joined_as_the_api_server_writes_them(
    parts: tuple[str, ...], joined: str
) -> None:
    assert join_path(*parts) == joined


@pytest.mark.parametrize(
    ("violation", "text"),
    [
        (Violation("stages[0].name", "is required"), "stages[0].name: is required"),
        (Violation("", "not YAML"), "not YAML"),
        (Violation("[1].to", "is wrong").under("edges"), "edges[1].to: is wrong"),
        (Violation("", "is wrong").under("edges"), "edges: is wrong"),
    ],
)
def test_a_violation_names_its_field_first(violation: Violation, text: str) -> None:
    assert str(violation) == text


def test_the_error_lists_every_violation() -> None:
    error = InvalidDefinitionError([Violation("a", "is wrong"), Violation("b", "is worse")])
    assert str(error) == "a: is wrong\nb: is worse"


def test_errors_of_types_become_violations_with_the_fields_as_users_write_them() -> None:
    wrong = {
        "pipeline": {
            "stages": [
                stage("in", "source", color="red"),
                {"type": "sink", "runsAfter": 5},
                stage("out", "sink", resources={"memory": "much"}),
            ],
            "edges": [{"from": "in"}],
        },
        "mode": "Fast",
    }
    memory = "spec.pipeline.stages[2].resources.memory"
    with pytest.raises(ValidationError) as caught:
        PipelineRun.model_validate(manifest(wrong))
    assert [str(violation) for violation in from_validation_error(caught.value)] == [
        "spec.mode: input should be 'Subprocess' or 'InProcess'",
        "spec.pipeline.stages[0].color: unknown field",
        "spec.pipeline.stages[1].name: is required",
        "spec.pipeline.stages[1].runsAfter: input should be a valid list",
        f"{memory}: should be a quantity of bytes, such as 512Mi",
        "spec.pipeline.edges[0].to: is required",
    ]
