"""Parameters: checked against their declarations and put in place."""

from collections.abc import Mapping
from typing import Any

import pytest

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.params import effective_values, resolve
from pipelinerun.api.violations import InvalidDefinitionError
from tests.support.definitions import definition, stage

DECLARED: list[dict[str, Any]] = [
    {"name": "path"},
    {"name": "size", "type": "integer", "default": "10"},
    {"name": "share", "type": "number", "default": "0.5"},
    {"name": "fast", "type": "boolean", "default": "false"},
    {"name": "color", "enum": ["red", "blue"], "default": "red"},
]


def pipeline(config: Mapping[str, Any], params: list[dict[str, Any]]) -> PipelineDefinition:
    return definition([stage("in", "source", config=config), stage("out", "sink")], params=params)


def config_of(resolved: PipelineDefinition) -> dict[str, Any]:
    return resolved.stages[0].config


@pytest.mark.parametrize(
    ("written", "filled"),
    [
        ("$(params.path)", "/data"),
        ("$(params.size)", 10),
        ("$(params.share)", 0.5),
        ("$(params.fast)", False),
        ("$(params.color)", "red"),
        ("file://$(params.path)/$(params.size)", "file:///data/10"),
        ("$(params.fast) $(params.share)", "false 0.5"),
        ("$$(params.path)", "$(params.path)"),
        ("a $$(params.path) $(params.path)", "a $(params.path) /data"),
        ("$(PATH) ${HOME} $1 $(params.)", "$(PATH) ${HOME} $1 $(params.)"),
        (["$(params.size)", {"deep": "$(params.path)"}], [10, {"deep": "/data"}]),
        (7, 7),
        (None, None),
    ],
)
def test_references_are_filled_in(written: object, filled: object) -> None:
    resolved = resolve(pipeline({"value": written}, DECLARED), {"path": "/data"})
    assert config_of(resolved) == {"value": filled}


def test_declarations_are_gone_once_they_are_filled_in() -> None:
    resolved = resolve(pipeline({"value": "$(params.path)"}, DECLARED), {"path": "/data"})
    assert resolved.params == []


def test_what_a_value_holds_is_not_filled_in_again() -> None:
    resolved = resolve(pipeline({"v": "$(params.path)"}, DECLARED), {"path": "$(params.size)"})
    assert config_of(resolved) == {"v": "$(params.size)"}


def test_a_parameter_may_be_used_without_a_declaration() -> None:
    resolved = resolve(pipeline({"value": "$(params.day)"}, []), {"day": "007"})
    assert config_of(resolved) == {"value": "007"}


def test_references_in_other_strings_are_filled_in_too() -> None:
    built = definition(
        [stage("in", "source"), stage("out", "sink")], description="for $(params.day)"
    )
    assert resolve(built, {"day": "Monday"}).description == "for Monday"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["params: 'path' is required"]),
        ({"path": "/", "size": "ten"}, ["params: 'size' must be of type integer, not 'ten'"]),
        ({"path": "/", "size": "1.5"}, ["params: 'size' must be of type integer, not '1.5'"]),
        ({"path": "/", "share": "half"}, ["params: 'share' must be of type number, not 'half'"]),
        ({"path": "/", "share": "nan"}, ["params: 'share' must be of type number, not 'nan'"]),
        ({"path": "/", "share": "inf"}, ["params: 'share' must be of type number, not 'inf'"]),
        ({"path": "/", "fast": "yes"}, ["params: 'fast' must be of type boolean, not 'yes'"]),
        ({"path": "/", "color": "green"}, ["params: 'color' must be one of red, blue"]),
        (
            {"path": "/", "colour": "red"},
            ["params: 'colour' is neither declared nor used by the pipeline"],
        ),
        (
            {"size": "x", "other": "1"},
            [
                "params: 'path' is required",
                "params: 'size' must be of type integer, not 'x'",
                "params: 'other' is neither declared nor used by the pipeline",
            ],
        ),
    ],
)
def test_wrong_values_are_all_reported(given: dict[str, str], expected: list[str]) -> None:
    with pytest.raises(InvalidDefinitionError) as caught:
        resolve(pipeline({"value": "$(params.path)"}, DECLARED), given)
    assert [str(violation) for violation in caught.value.violations] == expected


def test_a_reference_to_nothing_is_refused() -> None:
    with pytest.raises(InvalidDefinitionError, match="'day' is used by the pipeline but not given"):
        resolve(pipeline({"value": ["$(params.day)"]}, []), {})


def test_a_value_that_breaks_the_field_it_lands_in_is_refused_with_the_field() -> None:
    built = definition([stage("in", "source"), stage("out", "sink")], description="$(params.text)")
    with pytest.raises(InvalidDefinitionError, match=r"pipeline\.description: string should have"):
        resolve(built, {"text": "x" * 4097})


def test_effective_values_hold_defaults_and_types() -> None:
    values = effective_values(pipeline({}, DECLARED), {"path": "/data", "size": "3"})
    assert values == {"path": "/data", "size": 3, "share": 0.5, "fast": False, "color": "red"}
