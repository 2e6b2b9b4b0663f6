"""Types of the fields that several parts of a definition have."""

from typing import Annotated

from pydantic import Field, StringConstraints

from pipelinerun.api.patterns import NAME_PATTERN, OBJECT_PATTERN, QUANTITY_PATTERN

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=63)]
ObjectName = Annotated[str, StringConstraints(pattern=OBJECT_PATTERN, max_length=253)]
Quantity = Annotated[str, StringConstraints(pattern=QUANTITY_PATTERN, max_length=32)]
Share = Annotated[float, Field(ge=0, le=1)]
