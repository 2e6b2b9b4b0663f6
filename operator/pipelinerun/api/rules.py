"""Rules across fields, each once as CEL for the API server and once as Python for everything else.

A model lists its rules in ``RULES``; the CRD generator writes the CEL, ``broken_rules`` checks the
Python. Both must agree, which the tests show on a real API server.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from pipelinerun.api.violations import Violation, join_path


@dataclass(frozen=True)
class Rule:
    """One rule over the fields of a model.

    Attributes:
        field: alias of the field to blame; empty for the object itself.
        cel: the rule for the API server.
        holds: the same for Python, given the model; None where another check here is more precise.
        message: what is wrong when it does not hold.
    """

    field: str
    cel: str
    holds: Callable[[Any], bool] | None
    message: str

    def schema(self) -> dict[str, str]:
        """The rule as an entry of ``x-kubernetes-validations``."""
        place = {"fieldPath": f".{self.field}"} if self.field else {}
        return {"rule": self.cel, "message": self.message} | place


def broken_rules(value: object, path: str = "") -> Iterator[Violation]:
    """Check the rules of a model and of all models inside it."""
    if isinstance(value, BaseModel):
        for rule in getattr(value, "RULES", ()):
            if rule.holds is not None and not rule.holds(value):
                yield Violation(join_path(path, rule.field), rule.message)
        for name, field in type(value).model_fields.items():
            yield from broken_rules(getattr(value, name), join_path(path, field.alias or name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from broken_rules(item, join_path(path, f"[{index}]"))
