"""Manifests from text."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from pydantic import ValidationError

from pipelinerun.api.environment import substitute
from pipelinerun.api.manifest_yaml import ManifestLoader
from pipelinerun.api.names import API_VERSION, KIND
from pipelinerun.api.run import PipelineRun
from pipelinerun.api.violations import InvalidDefinitionError, Violation, from_validation_error


def load_manifests(text: str, environment: Mapping[str, str] | None = None) -> list[PipelineRun]:
    """Read all PipelineRuns of a YAML or JSON text.

    A document with ``stages`` at its top is a bare definition; environment variables that it names
    are filled in from ``environment``.

    Raises:
        InvalidDefinitionError: not YAML, not a PipelineRun, or fields that are wrong. Where there
            are several documents, a path begins with the number of its own, from 0.
    """
    try:
        documents = [item for item in yaml.load_all(text, ManifestLoader) if item is not None]
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidDefinitionError([Violation("", f"not YAML: {error}")]) from None
    if not documents:
        raise InvalidDefinitionError([Violation("", "no document in it")])
    manifests: list[PipelineRun] = []
    wrong: list[Violation] = []
    for index, document in enumerate(documents):
        try:
            manifests.append(_manifest(document, environment or {}))
        except InvalidDefinitionError as error:
            place = f"[{index}]" if len(documents) > 1 else ""
            wrong += [violation.under(place) for violation in error.violations]
    if wrong:
        raise InvalidDefinitionError(wrong)
    return manifests


def load_manifest(text: str, environment: Mapping[str, str] | None = None) -> PipelineRun:
    """Read a text with exactly one PipelineRun; see ``load_manifests``."""
    manifests = load_manifests(text, environment)
    if len(manifests) > 1:
        count = f"{len(manifests)} PipelineRuns in it; exactly one can be run"
        raise InvalidDefinitionError([Violation("", count)])
    return manifests[0]


def _manifest(document: Any, environment: Mapping[str, str]) -> PipelineRun:
    if not isinstance(document, dict):
        raise InvalidDefinitionError([Violation("", "a PipelineRun is a map of fields")])
    if "stages" in document:
        definition = substitute(document, environment)
        document = {"apiVersion": API_VERSION, "kind": KIND, "spec": {"pipeline": definition}}
        return _validated(document, strip="spec.pipeline.")
    wrong = list(_wrong_kind(document))
    if wrong:
        raise InvalidDefinitionError(wrong)
    return _validated(document, strip="")


def _wrong_kind(document: Mapping[str, Any]) -> Iterator[Violation]:
    for field, wanted in (("apiVersion", API_VERSION), ("kind", KIND)):
        if document.get(field) != wanted:
            yield Violation(field, f"must be {wanted}, not {document.get(field)!r}")


def _validated(document: Mapping[str, Any], strip: str) -> PipelineRun:
    written = {key: value for key, value in document.items() if key != "status"}
    try:
        return PipelineRun.model_validate(written)
    except ValidationError as error:
        raise InvalidDefinitionError(
            Violation(violation.path.removeprefix(strip), violation.message)
            for violation in from_validation_error(error)
        ) from None
