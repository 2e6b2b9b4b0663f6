"""How properties of tasks are asked for. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.violations import Violation, join_path

ANY = "*"
"""Stands for whatever a property may be."""
REGEX = "regex:"
"""What stands before a regular expression."""


def fits(value: Any, wanted: Any) -> bool:
    """Whether a property is as it is wanted to be.

    A property that is None is not there. Of a list one item has to fit; where a list is wanted, for
    each of its items one.
    """
    if wanted == ANY:
        return value is not None
    if isinstance(value, Mapping) and isinstance(wanted, Mapping):
        return all(fits(value.get(key), it) for key, it in wanted.items())
    if isinstance(value, list):
        each = wanted if isinstance(wanted, list) else [wanted]
        return all(any(fits(item, it) for item in value) for it in each)
    if isinstance(wanted, str) and wanted.startswith(REGEX):
        return isinstance(value, str) and re.match(wanted.removeprefix(REGEX), value) is not None
    return bool(value == wanted)


def wrong_patterns(definition: PipelineDefinition) -> Iterator[Violation]:
    """Regular expressions that are none."""
    for index, stage in enumerate(definition.stages):
        for place, match in enumerate(stage.task_matches or ()):
            path = f"stages[{index}].taskMatches[{place}].properties"
            yield from _wrong_within(match.properties, path)


def _wrong_within(wanted: Any, path: str) -> Iterator[Violation]:
    match wanted:
        case Mapping():
            for key, it in wanted.items():
                yield from _wrong_within(it, join_path(path, str(key)))
        case list():
            for index, it in enumerate(wanted):
                yield from _wrong_within(it, join_path(path, f"[{index}]"))
        case str() if wanted.startswith(REGEX):
            try:
                re.compile(wanted.removeprefix(REGEX))
            except (re.error, RecursionError, OverflowError) as error:
                yield Violation(path, f"is no regular expression: {error}")
