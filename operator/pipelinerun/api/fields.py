"""Types of the fields that several parts of a definition have, and a rule."""

from typing import Annotated

from pydantic import Field, StringConstraints

from pipelinerun.api.patterns import (
    IMPORT_PATTERN,
    NAME_PATTERN,
    OBJECT_PATTERN,
    QUANTITY_PATTERN,
)
from pipelinerun.api.rules import Rule

MAX_REPLICAS = 10_000

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=63)]
ImportPath = Annotated[str, StringConstraints(pattern=IMPORT_PATTERN, max_length=253)]
ObjectName = Annotated[str, StringConstraints(pattern=OBJECT_PATTERN, max_length=253)]
Quantity = Annotated[str, StringConstraints(pattern=QUANTITY_PATTERN, max_length=32)]
Count = Annotated[int, Field(ge=1, le=MAX_REPLICAS)]
Share = Annotated[float, Field(ge=0, le=1)]

EITHER = Rule(
    "callable",
    "has(self.actor) != has(self.callable)",
    lambda it: (it.actor is None) != (it.callable is None),
    "exactly one of actor and callable is needed",
)
