"""The base of all API types."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


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
        strict=True,
        use_attribute_docstrings=True,
    )
