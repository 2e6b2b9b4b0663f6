"""How the commands print objects: as kubectl does."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import yaml

from pipelinerun.api.names import GROUP, SINGULAR

Body = Mapping[str, Any]


class Format(StrEnum):
    """Forms of an object."""

    NAME = "name"
    JSON = "json"
    YAML = "yaml"


class ListFormat(StrEnum):
    """Forms of objects in a list."""

    WIDE = "wide"
    NAME = "name"
    JSON = "json"
    YAML = "yaml"


def printed(body: Body, form: Format | None, done: str) -> str:
    """An object as text; without a form what was ``done`` to it, in one line."""
    return f"{_name(body)} {done}" if form is None else in_form(body, form)


def in_form(body: Body, form: Format) -> str:
    """An object as text."""
    match form:
        case Format.NAME:
            return _name(body)
        case Format.JSON:
            return json.dumps(_shown(body), indent=2)
        case Format.YAML:
            return yaml.safe_dump(_shown(body), sort_keys=False).rstrip()


def all_in_form(bodies: Sequence[Body], form: Format) -> str:
    """Objects as text: their names one a line, else a List."""
    if form is Format.NAME:
        return "\n".join(map(_name, bodies))
    items = [_shown(body) for body in bodies]
    return in_form({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}, form)


def _name(body: Body) -> str:
    return f"{SINGULAR}.{GROUP}/{body['metadata']['name']}"


def _shown(body: Body) -> dict[str, Any]:
    metadata = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return {**body, "metadata": metadata}
