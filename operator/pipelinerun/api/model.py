"""The base of all API types."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from pipelinerun.api.rules import Rule


class ApiModel(BaseModel):
    """A strict, immutable part of a resource.

    Fields are camelCase outside (YAML, JSON, CRD) and snake_case inside; both spellings load.
    Types are not coerced, as the API server does not coerce them either.
    To read objects of a newer version leniently, validate with ``extra="ignore"``.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        ser_json_inf_nan="constants",
        strict=True,
        use_attribute_docstrings=True,
    )

    RULES: ClassVar[tuple[Rule, ...]] = ()
    """Rules across fields, for the API server (CEL) and for Python."""
    LIST_KEYS: ClassVar[tuple[str, ...]] = ()
    """Fields that identify one in a list, so that server-side apply can merge by them."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        schema = handler(core_schema)
        target = handler.resolve_ref_schema(schema)
        if cls.RULES:
            target["x-kubernetes-validations"] = [rule.schema() for rule in cls.RULES]
        if cls.LIST_KEYS:
            target["x-list-keys"] = list(cls.LIST_KEYS)
        return schema
