"""Manifests from text."""

import json
from contextlib import suppress
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.api.load import load_manifest, load_manifests
from pipelinerun.api.violations import InvalidDefinitionError
from tests.support.definitions import PLAIN_VALUES, line, manifest

RUN = json.dumps(manifest({"pipeline": {"stages": line(3)}}))


def refused(text: str) -> list[str]:
    with pytest.raises(InvalidDefinitionError) as caught:
        load_manifests(text)
    return [str(violation) for violation in caught.value.violations]


def bare(config: str) -> str:
    return dedent(f"""\
        stages:
        - {{name: in, type: source, callable: "steps:read", config: {config}}}
        - {{name: out, type: sink, callable: "steps:write"}}
        """)


def test_a_run_is_read_from_json_and_from_yaml() -> None:
    from_yaml = load_manifest(
        dedent("""\
            # A comment.
            apiVersion: pipelinerun.dev/v1alpha1
            kind: PipelineRun
            metadata:
              name: run
            spec:
              pipeline:
                stages:
                - {name: s0, type: source, callable: "steps:work"}
                - {name: s1, type: stage, callable: "steps:work"}
                - {name: s2, type: sink, callable: "steps:work"}
            """)
    )
    assert from_yaml == load_manifest(RUN)
    assert from_yaml.metadata.name == "run"


def test_both_spellings_of_a_field_load() -> None:
    camel, snake = (
        load_manifest(
            dedent(f"""\
                stages:
                - {{name: in, type: source, callable: "steps:read"}}
                - {{name: work, callable: "steps:work", per: Batch, {size}: 5, {after}: [in]}}
                - {{name: out, type: sink, callable: "steps:write"}}
                runtime: {{{scaling}: true}}
                """)
        )
        for size, after, scaling in (
            ("batchSize", "runsAfter", "disableDynamicScaling"),
            ("batch_size", "runs_after", "disable_dynamic_scaling"),
        )
    )
    assert camel == snake
    assert camel.spec.pipeline.stages[1].batch_size == 5


def test_the_two_spellings_of_one_field_do_not_go_together() -> None:
    text = bare("{}").replace("name: in,", "name: in, runsAfter: [], runs_after: [],")
    assert refused(text) == ["stages[0].runs_after: unknown field"]


def test_several_documents_are_several_runs_and_empty_ones_are_none() -> None:
    assert len(load_manifests(f"---\n{RUN}\n---\n\n---\n{RUN}\n---\n# nothing\n")) == 2


def test_one_run_is_not_taken_from_several() -> None:
    with pytest.raises(InvalidDefinitionError, match="2 PipelineRuns in it; exactly one can be ru"):
        load_manifest(f"{RUN}\n---\n{RUN}")


def test_a_bare_definition_is_a_run_whose_variables_are_filled_in() -> None:
    run = load_manifest(bare('{size: "$SIZE|5", path: $DATA}'), {"DATA": "/data"})
    assert run.spec.pipeline.stages[0].config == {"size": 5, "path": "/data"}
    assert run.spec.mode == "Subprocess"


def test_variables_in_a_run_are_left_alone() -> None:
    text = json.dumps(manifest({"pipeline": {"stages": line(2), "description": "$HOME"}}))
    assert load_manifest(text, {"HOME": "/root"}).spec.pipeline.description == "$HOME"


@pytest.mark.parametrize("status", [{"phase": "Succeeded"}, {"mood": "good"}, 5, None])
def test_a_status_is_passed_over(status: object) -> None:
    text = json.dumps(json.loads(RUN) | {"status": status})
    assert load_manifest(text).status is None


def test_what_the_api_server_adds_to_the_metadata_is_passed_over() -> None:
    document = json.loads(RUN)
    document["metadata"] |= {"uid": "1", "managedFields": [{}], "creationTimestamp": None}
    assert load_manifest(json.dumps(document)).metadata.name == "run"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["no document in it"]),
        ("# nothing\n---\n", ["no document in it"]),
        ("text", ["a PipelineRun is a map of fields"]),
        ("[1, 2]", ["a PipelineRun is a map of fields"]),
        (
            "kind: Pod",
            [
                "apiVersion: must be pipelinerun.dev/v1alpha1, not None",
                "kind: must be PipelineRun, not 'Pod'",
            ],
        ),
        ("stages: []", ["stages: list should have at least 1 item after validation, not 0"]),
        (
            "stages: [{nam: in, callable: nowhere}]\nsize: 1",
            [
                "stages[0].name: is required",
                "stages[0].callable: should be package.module:attribute, such as steps:clean",
                "stages[0].nam: unknown field",
                "size: unknown field",
            ],
        ),
        (
            json.dumps(manifest({"pipeline": {"stages": line(2)}, "color": 1})),
            ["spec.color: unknown field"],
        ),
        (json.dumps(manifest({})), ["spec.pipeline: is required"]),
    ],
)
def test_what_is_wrong_is_said_with_its_field(text: str, expected: list[str]) -> None:
    assert refused(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("stages: [", "not YAML"),
        ("a: 1\nb: 2\na: 3", "'a' is written twice"),
        (bare("{a: {x: 1, x: 2}}"), "'x' is written twice"),
        (bare("{a: {1: x, '1': y}}"), "'1' is written twice"),
        ("name: {{ name }}", "a key must be text"),
        ("? [a, b]\n: c", "a key must be text"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("a: \x00", "not YAML"),
        (f"a: {'1' * 5000}", "not YAML"),
    ],
)
def test_what_is_not_yaml_is_refused_with_the_reason(text: str, reason: str) -> None:
    (only,) = refused(text)
    assert reason in only


@pytest.mark.parametrize("written", PLAIN_VALUES)
def test_plain_values_mean_what_they_mean_to_kubectl(written: str) -> None:
    run = load_manifest(bare(f"{{value: {written}}}"))
    assert run.spec.pipeline.stages[0].config == {"value": PLAIN_VALUES[written]}


def test_anchors_and_merges_are_followed() -> None:
    run = load_manifest(
        dedent("""\
            stages:
            - {name: in, type: source, callable: "steps:read", config: {x: &b {<<: {z: 1}, z: 2}}}
            - {name: out, type: sink, callable: "steps:write", config: {<<: *b, y: 3}}
            """)
    )
    assert [stage.config for stage in run.spec.pipeline.stages] == [
        {"x": {"z": 2}},
        {"z": 2, "y": 3},
    ]


@given(st.text(alphabet=st.sampled_from("ab1:-.[]{},#&*!|>'\"?%@$ \n\t<~=")))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidDefinitionError):
        load_manifests(text)


def test_everything_wrong_in_several_documents_is_told() -> None:
    assert refused(f"kind: PipelineRun\n---\n{RUN}\n---\n5") == [
        "[0].apiVersion: must be pipelinerun.dev/v1alpha1, not None",
        "[2]: a PipelineRun is a map of fields",
    ]


def test_half_a_character_is_refused() -> None:
    (wrong,) = refused(bare('{a: "\\ud800"}'))
    assert "half a character" in wrong


def test_a_field_that_is_null_counts_as_left_out() -> None:
    fields = {"pipeline": {"stages": line(3)}, "suspend": None, "retries": {"limit": None}}
    assert load_manifest(json.dumps(manifest(fields))).spec == load_manifest(RUN).spec
    (wrong,) = refused(json.dumps(manifest({"pipeline": None})))
    assert wrong == "spec.pipeline: is required"
    unknown = manifest({"pipeline": {"stages": line(3)}, "colour": None})
    assert refused(json.dumps(unknown)) == ["spec.colour: unknown field"]
