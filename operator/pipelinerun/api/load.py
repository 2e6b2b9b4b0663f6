"""Manifests from text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from pydantic import ValidationError

from pipelinerun.api.environment import substitute, variables
from pipelinerun.api.manifest_yaml import ManifestLoader
from pipelinerun.api.names import API_VERSION, KIND
from pipelinerun.api.nv_ingest import Note, translated
from pipelinerun.api.run import PipelineRun
from pipelinerun.api.violations import InvalidDefinitionError, Violation, from_validation_error


@dataclass(frozen=True)
class Loaded:
    """What a text holds.

    Attributes:
        runs: in their order.
        notes: what of it was changed or left out.
        variables: names of the environment variables whose values are in the runs now.
    """

    runs: list[PipelineRun] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    variables: set[str] = field(default_factory=set)


def load(text: str, environment: Mapping[str, str] | None = None) -> Loaded:
    """Read all PipelineRuns of a YAML or JSON text.

    A document with ``stages`` at its top is a bare definition, in its own spelling or in that of
    nv-ingest; environment variables that it names are filled in from ``environment``.

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
    loaded = Loaded()
    wrong: list[Violation] = []
    for index, document in enumerate(documents):
        try:
            loaded.runs.append(_manifest(document, environment or {}, loaded))
        except InvalidDefinitionError as error:
            place = f"[{index}]" if len(documents) > 1 else ""
            wrong += [violation.under(place) for violation in error.violations]
    if wrong:
        raise InvalidDefinitionError(wrong)
    return loaded


def load_manifests(text: str, environment: Mapping[str, str] | None = None) -> list[PipelineRun]:
    """The PipelineRuns of a text; see ``load``."""
    return load(text, environment).runs


def load_manifest(text: str, environment: Mapping[str, str] | None = None) -> PipelineRun:
    """Read a text with exactly one PipelineRun; see ``load``."""
    manifests = load_manifests(text, environment)
    if len(manifests) > 1:
        count = f"{len(manifests)} PipelineRuns in it; exactly one can be run"
        raise InvalidDefinitionError([Violation("", count)])
    return manifests[0]


def _manifest(document: Any, environment: Mapping[str, str], loaded: Loaded) -> PipelineRun:
    if not isinstance(document, dict):
        raise InvalidDefinitionError([Violation("", "a PipelineRun is a map of fields")])
    if "stages" in document:
        loaded.variables.update(variables(document, environment))
        definition, notes = translated(substitute(document, environment))
        loaded.notes.extend(notes)
        document = {"apiVersion": API_VERSION, "kind": KIND, "spec": {"pipeline": definition}}
        return _validated(document, strip="spec.pipeline.")
    wrong = list(_wrong_kind(document))
    if wrong:
        raise InvalidDefinitionError(wrong)
    return _validated(document, strip="")


def _wrong_kind(document: Mapping[str, Any]) -> Iterator[Violation]:
    for name, wanted in (("apiVersion", API_VERSION), ("kind", KIND)):
        if document.get(name) != wanted:
            yield Violation(name, f"must be {wanted}, not {document.get(name)!r}")


def _validated(document: Mapping[str, Any], strip: str) -> PipelineRun:
    written = {key: value for key, value in document.items() if key != "status"}
    try:
        return PipelineRun.model_validate(written)
    except ValidationError as error:
        raise InvalidDefinitionError(
            Violation(violation.path.removeprefix(strip), violation.message)
            for violation in from_validation_error(error)
        ) from None
