"""From pydantic models to the structural schemas that a CRD needs."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

_COPIED = (
    "type",
    "format",
    "pattern",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
    "x-kubernetes-validations",
)


def structural_schema(model: type[BaseModel]) -> Schema:
    """The schema of a model without references, unions with null and titles.

    Defaults become text: one written into the schema would be written into every stored object,
    which GitOps tools show as drift.
    """
    generated = model.model_json_schema(by_alias=True)
    return _convert(generated, generated.get("$defs", {}))


def _convert(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    node = _resolve(node, definitions)
    schema: Schema = {"description": _description(node)} if "description" in node else {}
    schema |= {key: node[key] for key in _COPIED if key in node}
    if "const" in node:
        schema |= {"type": "string", "enum": [node["const"]]}
    if "properties" in node:
        schema["properties"] = {
            name: _convert(value, definitions) for name, value in node["properties"].items()
        }
    elif node.get("type") == "object":
        schema |= _map(node["additionalProperties"], definitions)
    if "items" in node:
        schema |= _list(node["items"], definitions)
    return schema


def _resolve(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference or the one alternative that is not null; what stands here wins."""
    here = {key: value for key, value in node.items() if key not in {"$ref", "anyOf"}}
    if "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[-1]]
        return {**_resolve(target, definitions), **here}
    if "anyOf" in node:
        (target,) = (item for item in node["anyOf"] if item.get("type") != "null")
        return {**_resolve(target, definitions), **here}
    return here


def _description(node: Mapping[str, Any]) -> str:
    text = " ".join(str(node["description"]).split())
    default = node.get("default")
    if default in (None, "", [], {}) or "default" in text.lower():
        return text
    return f"{text} Default: {str(default).lower() if isinstance(default, bool) else default}."


def _map(values: Mapping[str, Any] | bool, definitions: Mapping[str, Any]) -> Schema:
    if isinstance(values, bool):
        return {"x-kubernetes-preserve-unknown-fields": True}
    return {"additionalProperties": _convert(values, definitions)}


def _list(items: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    schema: Schema = {"items": _convert(items, definitions)}
    keys = _resolve(items, definitions).get("x-list-keys")
    if keys:
        schema |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys}
    return schema
