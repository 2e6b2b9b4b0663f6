"""Violations: what is wrong with a definition, and in which field."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipelinerun.api.patterns import MEANINGS


@dataclass(frozen=True, order=True)
class Violation:
    """One broken rule.

    Attributes:
        path: the field, for example ``spec.pipeline.stages[2].callable``.
        message: what is wrong with it.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message

    def under(self, prefix: str) -> "Violation":
        """The same violation, seen from the object that holds this one in the field ``prefix``."""
        return Violation(join_path(prefix, self.path), self.message)


class InvalidDefinitionError(ValueError):
    """A manifest or definition breaks rules; all of them are listed."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("\n".join(map(str, self.violations)))


def join_path(*parts: str) -> str:
    """Join field paths, leaving out empty ones."""
    joined = ".".join(part for part in parts if part)
    return joined.replace(".[", "[")


def from_validation_error(error: ValidationError) -> tuple[Violation, ...]:
    """Translate pydantic's errors."""
    return tuple(
        Violation(_path(detail["loc"]), _message(detail))
        for detail in error.errors(include_url=False)
    )


def _path(location: tuple[int | str, ...]) -> str:
    return join_path(*(f"[{part}]" if isinstance(part, int) else part for part in location))


def _message(detail: ErrorDetails) -> str:
    match detail:
        case {"type": "extra_forbidden"}:
            return "unknown field"
        case {"type": "missing"}:
            return "is required"
        case {"ctx": {"pattern": pattern}} if pattern in MEANINGS:
            return MEANINGS[pattern]
    message = detail["msg"]
    return message[:1].lower() + message[1:]
