"""Environment variables named in files loaded from disk: ``$NAME``, ``$NAME|default``, chained.

Braces around the whole are taken as well: ``${NAME}``, ``${NAME|default}``.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipelinerun.api.manifest_yaml import plain_scalar

_NAME = r"\$([A-Za-z_][A-Za-z0-9_]*)"
_EXPRESSION = re.compile(rf"{_NAME}(?:\|.*)?", re.DOTALL)
_BRACED = re.compile(r"\$\{([A-Za-z_][^{}]*)\}", re.DOTALL)
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
    expression = _expression(value)
    if expression is None:
        return value
    _, chosen = _first_set(expression, environment)
    return chosen


def variables(value: Any, environment: Mapping[str, str]) -> Iterator[str]:
    """Names of the variables whose values ``substitute`` puts in, each as often as it does."""
    if isinstance(value, dict):
        for item in value.values():
            yield from variables(item, environment)
    elif isinstance(value, list):
        for item in value:
            yield from variables(item, environment)
    elif expression := _expression(value):
        name, _ = _first_set(expression, environment)
        if name:
            yield name


def _expression(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    if braced := _BRACED.fullmatch(value):
        value = f"${braced[1]}"
    return value if _EXPRESSION.fullmatch(value) else None


def _first_set(expression: str, environment: Mapping[str, str]) -> tuple[str, Any]:
    """The variable that is taken, empty if it is none, and the value."""
    for name, double_quoted, single_quoted, plain in _ALTERNATIVES.findall(expression):
        if quoted := double_quoted or single_quoted:
            return "", quoted
        if text := environment.get(name, plain):
            return name, plain_scalar(text)
    return "", ""
