"""Environment variables named in files loaded from disk: ``$NAME``, ``$NAME|default``, chained."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

_ALTERNATIVE = r"(?:\$[A-Za-z_][A-Za-z0-9_]*|\"[^\"]*\"|'[^']*'|[^|]*)"
_ALTERNATIVES = re.compile(rf"(?:^|\|)({_ALTERNATIVE})")
_EXPRESSION = re.compile(rf"\$[A-Za-z_][A-Za-z0-9_]*(?:\|{_ALTERNATIVE})*")


def substitute(value: Any, environment: Mapping[str, str]) -> Any:
    """Replace every string ``$NAME|fallback|…`` in maps and lists by the first alternative set.

    The chosen text is read as a YAML scalar, so that numbers are numbers; a quoted alternative
    stays a string. Without any alternative that is set the result is an empty string.
    """
    if isinstance(value, dict):
        return {key: substitute(item, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, environment) for item in value]
    if isinstance(value, str) and _EXPRESSION.fullmatch(value):
        return _first_set(_ALTERNATIVES.findall(value), environment)
    return value


def _first_set(alternatives: list[str], environment: Mapping[str, str]) -> Any:
    for alternative in alternatives:
        text = environment.get(alternative[1:], "") if alternative[:1] == "$" else alternative
        if text:
            return _scalar(text)
    return ""


def _scalar(text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return text if isinstance(value, dict | list) or value is None else value
