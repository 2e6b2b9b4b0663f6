"""What properties of tasks are wanted to be."""

from typing import Any

import pytest

from pipelinerun.api.prepare import check
from pipelinerun.api.tasks import fits
from pipelinerun.api.violations import InvalidDefinitionError
from tests.support.definitions import definition, line


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [2]}}, True),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [2, 3]}}, False),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": {"b": 2}}, True),
        ({"a": [1, 2]}, {"a": 2}, True),
        ({"a": []}, {"a": "*"}, True),
        ({"a": [1]}, {"a": []}, True),
        ({"a": 1}, {"a": "*"}, True),
        ({"a": None}, {"a": "*"}, False),
        ({}, {"a": "*"}, False),
        ({"a": None}, {"a": None}, True),
        ({}, {"a": None}, True),
        ({"a": 1}, {"a": None}, False),
        ({"a": "pdf"}, {"a": "regex:p"}, True),
        ({"a": "a pdf"}, {"a": "regex:p"}, False),
        ({"a": "pdf"}, {"a": "regex:^(pdf|docx)$"}, True),
        ({"a": ["png", "pdf"]}, {"a": "regex:pdf$"}, True),
        ({"a": 5}, {"a": "regex:5"}, False),
        ({"a": "5"}, {"a": 5}, False),
        ({"a": 5.0}, {"a": 5}, True),
        ({"a": 1}, {"a": {"b": 1}}, False),
        ({}, {}, True),
        (None, {}, False),
    ],
)
def test_a_property_may_be_more_than_is_wanted(value: Any, wanted: Any, *, expected: bool) -> None:
    assert fits(value, wanted) is expected


def test_a_pattern_that_is_none_is_refused() -> None:
    stages = line(3)
    properties = {"fine": "regex:a+", "types": ["*", {"name": "regex:("}], "plain": "("}
    stages[1]["taskMatches"] = [{"task": "extract", "properties": properties}]
    with pytest.raises(InvalidDefinitionError) as caught:
        check(definition(stages))
    (wrong,) = caught.value.violations
    assert wrong.path == "stages[1].taskMatches[0].properties.types[1].name"
    assert wrong.message.startswith("is no regular expression: missing )")
