"""The base of all API types."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from pipelinerun.api.rules import Rule


class ApiModel(BaseModel):
    """A strict, immutable part of a resource.

    Fields are camelCase outside (YAML, JSON, CRD) and snake_case inside; both spellings load.
    Types are not coerced, as the API server does not coerce them either; a field that is null
    counts as left out, as it does there.
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

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, data: Any) -> Any:
        if not isinstance(data, dict) or all(value is not None for value in data.values()):
            return data
        known = {it for name, field in cls.model_fields.items() for it in (name, field.alias)}
        return {key: value for key, value in data.items() if value is not None or key not in known}

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
