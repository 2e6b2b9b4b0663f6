"""Environment variables named in files loaded from disk: ``$NAME``, ``$NAME|default``, chained."""

import re
from collections.abc import Mapping
from typing import Any

from pipelinerun.api.manifest_yaml import plain_scalar

_NAME = r"\$([A-Za-z_][A-Za-z0-9_]*)"
_EXPRESSION = re.compile(rf"{_NAME}(?:\|.*)?", re.DOTALL)
_ALTERNATIVES = re.compile(rf"(?:^|\|)(?:{_NAME}|\"([^\"]*)\"|'([^']*)'|([^|]*))(?=\||\Z)")


def substitute(value: Any, environment: Mapping[str, str]) -> Any:
    """Replace every string ``$NAME|fallback|…`` in maps and lists by the first alternative set.

    The chosen text is read as a plain YAML scalar, so that numbers are numbers; a quoted
    alternative stays a string. Without any alternative that is set the result is an empty string.
    """
    if isinstance(value, dict):
        return {key: substitute(item, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, environment) for item in value]
    if isinstance(value, str) and _EXPRESSION.fullmatch(value):
        return _first_set(value, environment)
    return value


def _first_set(expression: str, environment: Mapping[str, str]) -> Any:
    for name, double_quoted, single_quoted, plain in _ALTERNATIVES.findall(expression):
        if quoted := double_quoted or single_quoted:
            return quoted
        if text := environment.get(name, plain):
            return plain_scalar(text)
    return ""
