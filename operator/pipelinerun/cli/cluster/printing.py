"""How the commands print objects: as kubectl does."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import yaml

from pipelinerun.api.names import GROUP, SINGULAR


class Format(StrEnum):
    """Forms of an object."""

    NAME = "name"
    JSON = "json"
    YAML = "yaml"


def printed(body: Mapping[str, Any], form: Format | None, done: str) -> str:
    """An object as text; without a form what was ``done`` to it, in one line."""
    name = f"{SINGULAR}.{GROUP}/{body['metadata']['name']}"
    match form:
        case None:
            return f"{name} {done}"
        case Format.NAME:
            return name
        case Format.JSON:
            return json.dumps(_shown(body), indent=2)
        case Format.YAML:
            return yaml.safe_dump(_shown(body), sort_keys=False).rstrip()


def _shown(body: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return {**body, "metadata": metadata}
