"""The CustomResourceDefinition."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelinerun.api.crd import crd, crd_yaml
from pipelinerun.api.schema import Schema

ROOT = Path(__file__).resolve().parents[2]
(VERSION,) = crd()["spec"]["versions"]
SCHEMA: Schema = VERSION["schema"]["openAPIV3Schema"]
STANDARD = {"apiVersion", "kind", "metadata"}


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every schema in the schema, with its path."""
    yield path, schema
    for name, value in schema.get("properties", {}).items():
        yield from nodes(value, f"{path}.{name}")
    for kind, suffix in (("items", "[]"), ("additionalProperties", "{}")):
        if kind in schema:
            yield from nodes(schema[kind], path + suffix)


ALL = dict(nodes(SCHEMA))


def paths_with(key: str) -> set[str]:
    return {path for path, node in ALL.items() if key in node}


def test_the_committed_file_is_the_generated_one() -> None:
    assert (ROOT / "crds" / "pipelinerun.dev_pipelineruns.yaml").read_text() == crd_yaml()


def test_the_schema_is_structural() -> None:
    allowed = {
        "additionalProperties", "default", "description", "enum", "format", "items", "maxItems",
        "maxLength", "maxProperties", "maximum", "minItems", "minLength", "minimum", "pattern",
        "properties", "required", "type", "x-kubernetes-list-map-keys", "x-kubernetes-list-type",
        "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations",
    }  # fmt: skip
    for path, node in ALL.items():
        assert node.keys() <= allowed, path
        assert isinstance(node["type"], str), path
        assert not {"properties", "additionalProperties"} <= node.keys(), path
        assert node.keys() & {"items"} or node["type"] != "array", path


def test_every_field_is_described() -> None:
    fields = {path for path in ALL if path and not path.endswith(("[]", "{}"))}
    undescribed = {path for path in fields if not ALL[path].get("description")}
    assert undescribed == {f".{name}" for name in STANDARD}


def test_descriptions_are_sentences_on_one_line() -> None:
    for path in paths_with("description"):
        text: str = ALL[path]["description"]
        assert text.endswith("."), path
        assert not text.endswith(("..", ": .")), path
        assert "\n" not in text, path


def test_defaults_are_told_and_not_stored() -> None:
    assert paths_with("default") == {".spec.mode", ".status"}
    described = ALL[".spec.retries.infrastructureLimit"]["description"]
    assert described.endswith("Default: 3.")


def test_only_what_is_free_form_is_not_pruned() -> None:
    assert paths_with("x-kubernetes-preserve-unknown-fields") == {
        ".spec.pipeline.stages[].config",
        ".spec.pipeline.stages[].taskMatches[].properties",
        ".spec.pipeline.finally[].config",
        ".spec.pipeline.deadLetters.config",
        ".spec.podTemplate.spec",
        ".spec.ray.clusterTemplate.spec",
    }
    assert paths_with("additionalProperties") == {
        ".spec.code.files",
        ".spec.podTemplate.metadata.labels",
        ".spec.ray.clusterTemplate.metadata.annotations",
        ".spec.ray.clusterTemplate.metadata.labels",
        ".spec.podTemplate.metadata.annotations",
    }


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        (".spec.params", ["name"]),
        (".spec.pipeline.params", ["name"]),
        (".spec.pipeline.stages", ["name"]),
        (".spec.pipeline.edges", ["from", "to"]),
        (".spec.pipeline.finally", ["name"]),
        (".status.finally.stages", ["name"]),
        (".status.stages", ["name"]),
        (".status.attempts", ["number"]),
        (".status.conditions", ["type"]),
    ],
)
def test_lists_of_named_things_are_merged_by_their_keys(path: str, keys: list[str]) -> None:
    assert ALL[path]["x-kubernetes-list-type"] == "map"
    assert ALL[path]["x-kubernetes-list-map-keys"] == keys
    assert set(keys) <= set(ALL[f"{path}[]"]["required"])


def test_everything_that_a_list_holds_is_bounded() -> None:
    arrays = {path for path, node in ALL.items() if node["type"] == "array"}
    assert arrays - paths_with("maxItems") == set()


def test_whole_lists_of_map_type_are_exactly_those_of_objects() -> None:
    of_objects = {
        path
        for path, node in ALL.items()
        if node["type"] == "array" and node["items"]["type"] == "object"
    }
    without_names = {
        ".spec.retries.rules",  # the first one that fits counts
        ".spec.pipeline.stages[].taskMatches",  # a task may be in it with several properties
    }
    assert paths_with("x-kubernetes-list-type") == of_objects - without_names


def test_rules_blame_fields_that_exist() -> None:
    for path in paths_with("x-kubernetes-validations"):
        for rule in ALL[path]["x-kubernetes-validations"]:
            assert f"{path}{rule.get('fieldPath', '')}" in ALL
            assert rule["message"]


def test_fields_are_written_in_camel_case() -> None:
    names = {path.rsplit(".", 1)[-1].strip("[]{}") for path in ALL if path}
    assert [name for name in names if "_" in name or name[:1].isupper()] == []


def test_columns_point_at_fields_that_exist() -> None:
    columns: list[dict[str, Any]] = VERSION["additionalPrinterColumns"]
    plain = {column["jsonPath"] for column in columns if "[?" not in column["jsonPath"]}
    assert plain - {".metadata.creationTimestamp"} <= set(ALL)
    assert [column["name"] for column in columns if "priority" not in column] == [
        "Phase",
        "Exit",
        "Elapsed",
        "Mode",
        "Age",
    ]
