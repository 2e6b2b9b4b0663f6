"""Structural schemas out of pydantic models."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from pipelinerun.api.model import ApiModel
from pipelinerun.api.rules import Rule
from pipelinerun.api.schema import structural_schema


class Wheel(ApiModel):
    """A wheel."""

    LIST_KEYS: ClassVar = ("name",)

    name: str
    """Where it is."""


class Car(ApiModel):
    """A car."""

    RULES: ClassVar = (Rule("seats", "self.seats > 0", None, "must be positive"),)

    seats: Annotated[int, Field(ge=0, le=9)] = 4
    """How many
    sit in it."""
    fast: bool = False
    """Whether it is fast."""
    note: str = ""
    """Something to say."""
    color: Literal["red", "blue"] | None = None
    """Its color."""
    kind: Literal["car"] = "car"
    """What it is."""
    spare: Wheel | None = None
    """A wheel more."""
    wheels: Annotated[list[Wheel], Field(max_length=6)]
    """Its wheels."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Anything."""
    labels: Annotated[dict[str, str], Field(max_length=3)] = Field(default_factory=dict)
    """Texts."""


def test_references_and_unions_are_resolved_and_defaults_become_text() -> None:
    name = {"description": "Where it is.", "type": "string"}
    wheel = {"type": "object", "required": ["name"], "properties": {"name": name}}
    assert structural_schema(Car) == {
        "description": "A car.",
        "type": "object",
        "required": ["wheels"],
        "x-kubernetes-validations": [
            {"rule": "self.seats > 0", "message": "must be positive", "fieldPath": ".seats"}
        ],
        "properties": {
            "seats": {
                "description": "How many sit in it. Default: 4.",
                "type": "integer",
                "minimum": 0,
                "maximum": 9,
            },
            "fast": {"description": "Whether it is fast. Default: false.", "type": "boolean"},
            "note": {"description": "Something to say.", "type": "string"},
            "color": {"description": "Its color.", "type": "string", "enum": ["red", "blue"]},
            "kind": {"description": "What it is. Default: car.", "type": "string", "enum": ["car"]},
            "spare": wheel | {"description": "A wheel more."},
            "wheels": {
                "description": "Its wheels.",
                "type": "array",
                "maxItems": 6,
                "items": wheel | {"description": "A wheel."},
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
            "options": {
                "description": "Anything.",
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": True,
            },
            "labels": {
                "description": "Texts.",
                "type": "object",
                "maxProperties": 3,
                "additionalProperties": {"type": "string"},
            },
        },
    }
