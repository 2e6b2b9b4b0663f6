"""Parameters: values checked against their declarations and put in place of ``$(params.name)``."""

import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from pydantic import ValidationError

from pipelinerun.api.definition import Param, PipelineDefinition
from pipelinerun.api.violations import InvalidDefinitionError, Violation, from_validation_error

_REFERENCE = re.compile(r"\$(\$?)\(params\.([A-Za-z0-9_.-]+)\)")
_BOOLEANS = {"true": True, "false": False}


def resolve(definition: PipelineDefinition, given: Mapping[str, str]) -> PipelineDefinition:
    """Fill in the parameters of a definition.

    A string that is nothing but a reference becomes the value in its declared type; inside a longer
    string the value's text is put. ``$$(params.name)`` stands for the literal ``$(params.name)``.

    Raises:
        InvalidDefinitionError: a value is missing, unknown or not what its declaration allows;
            paths are those of a spec that holds ``pipeline`` and ``params``.
    """
    document = definition.model_dump(by_alias=True, exclude_unset=True)
    body = {key: value for key, value in document.items() if key != "params"}
    wanted = dict.fromkeys(_references(body))
    declared = {param.name: param for param in definition.params}
    wrong = [*_wrong_values(declared, given), *_wrong_names(declared, given, wanted)]
    if wrong:
        raise InvalidDefinitionError(wrong)
    values = effective_values(definition, given)
    try:
        return PipelineDefinition.model_validate(_fill(body, values))
    except ValidationError as error:
        wrong = [violation.under("pipeline") for violation in from_validation_error(error)]
        raise InvalidDefinitionError(wrong) from None


def effective_values(definition: PipelineDefinition, given: Mapping[str, str]) -> dict[str, Any]:
    """The value of each parameter, in its declared type; defaults filled in."""
    texts = {param.name: param.default for param in definition.params} | dict(given)
    declared = {param.name: param for param in definition.params}
    return {
        name: _convert(declared[name], text) if name in declared else text
        for name, text in texts.items()
        if text is not None
    }


def _wrong_values(declared: Mapping[str, Param], given: Mapping[str, str]) -> Iterator[Violation]:
    for name, param in declared.items():
        text = given.get(name, param.default)
        if text is None:
            yield Violation("params", f"{name!r} is required")
            continue
        try:
            _convert(param, text)
        except ValueError:
            yield Violation("params", f"{name!r} must be of type {param.type}, not {text!r}")
            continue
        if param.enum is not None and text not in param.enum:
            yield Violation("params", f"{name!r} must be one of {', '.join(param.enum)}")


def _wrong_names(
    declared: Mapping[str, Param], given: Mapping[str, str], wanted: Mapping[str, None]
) -> Iterator[Violation]:
    for name in given:
        if name not in declared and name not in wanted:
            yield Violation("params", f"{name!r} is neither declared nor used by the pipeline")
    for name in wanted:
        if name not in declared and name not in given:
            yield Violation("params", f"{name!r} is used by the pipeline but not given")


def _convert(param: Param, text: str) -> Any:
    match param.type:
        case "integer":
            return int(text)
        case "number":
            number = float(text)
            if not isfinite(number):
                raise ValueError(text)
            return number
        case "boolean":
            if text not in _BOOLEANS:
                raise ValueError(text)
            return _BOOLEANS[text]
        case "string":
            return text


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from (name for escaped, name in _REFERENCE.findall(value) if not escaped)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _fill(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, values) for item in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole and not whole[1]:
        return values[whole[2]]
    return _REFERENCE.sub(
        lambda match: match[0][1:] if match[1] else _as_text(values[match[2]]), value
    )


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
