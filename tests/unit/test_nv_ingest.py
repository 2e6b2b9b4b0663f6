"""Pipeline files in the spelling of nv-ingest."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.api.job import RunIdentity
from pipelinerun.api.load import load
from pipelinerun.api.nv_ingest import plain_name, translated
from pipelinerun.api.patterns import NAME_PATTERN
from pipelinerun.api.prepare import prepare
from pipelinerun.api.violations import InvalidDefinitionError

FILE = Path(__file__).parent / "data" / "nv-ingest.yaml"


def replicas_of(written: dict[str, Any], kind: str = "stage") -> tuple[Any, list[str]]:
    document, notes = translated({"stages": [{"type": kind, "replicas": written}]})
    return document["stages"][0].get("replicas"), [f"{it.path}: {it.message}" for it in notes]


def strategy(name: str, **fields: Any) -> dict[str, Any]:
    return {"strategy": name, **fields}


CPUS, MEMORY = "cpu_percentage", "memory_thresholding"
SHARED = "memory_static_global_percent"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"min_replicas": 2, "max_replicas": 4}, {"min": 2, "max": 4}),
        ({"static_replicas": 3}, {"static": 3}),
        ({"max_replicas": strategy("static", value=4)}, {"max": 4}),
        ({"max_replicas": strategy("static", value=4, limit=3)}, {"max": 3}),
        (
            {"max_replicas": strategy(CPUS, cpu_percent=0.5, limit=8)},
            {"maxBy": {"cpuPercentage": {"share": 0.5, "limit": 8}}},
        ),
        (
            {"max_replicas": strategy(CPUS, value=1)},
            {"maxBy": {"cpuPercentage": {"share": 1}}},
        ),
        (
            {"max_replicas": strategy(MEMORY, memory_per_replica_mb=10000)},
            {"maxBy": {"memoryThresholding": {"memoryPerReplica": "10000Mi"}}},
        ),
        (
            {
                "static_replicas": strategy(
                    MEMORY, memory_per_replica_mb=1, memory_threshold_percent=0.5
                )
            },
            {"staticBy": {"memoryThresholding": {"memoryPerReplica": "1Mi", "threshold": 0.5}}},
        ),
        (
            {
                "static_replicas": strategy(
                    SHARED, memory_per_replica_mb=5, max_memory_budget_mb=9, limit=2
                )
            },
            {
                "staticBy": {
                    "memoryStaticGlobalPercent": {
                        "memoryPerReplica": "5Mi",
                        "budget": "9Mi",
                        "limit": 2,
                    }
                }
            },
        ),
        ({"cpu_count_min": 1, "cpu_count_max": 2}, {"min": 1, "max": 2}),
        (
            {"cpu_percent_min": 0.1, "cpu_percent_max": 1},
            {
                "minBy": {"cpuPercentage": {"share": 0.1}},
                "maxBy": {"cpuPercentage": {"share": 1}},
            },
        ),
        ({"min_replicas": None, "max_replicas": 2}, {"max": 2}),
        ({"min": 1, "max": 2}, {"min": 1, "max": 2}),
    ],
)
def test_replicas_in_every_spelling(written: dict[str, Any], expected: dict[str, Any]) -> None:
    assert replicas_of(written) == (expected, [])


@pytest.mark.parametrize("field", ["min_replicas", "cpu_count_min"])
def test_a_stage_that_may_have_no_replica_keeps_one(field: str) -> None:
    found, notes = replicas_of({field: 0})
    assert found == {"min": 1}
    assert notes == [
        f"stages[0].replicas.{field}: 0 becomes 1: a stage keeps one replica while it has work"
    ]


def test_replicas_of_a_source_are_left_out_and_told_if_there_were_several() -> None:
    assert replicas_of({"min_replicas": 1, "max_replicas": 1}, "source") == (None, [])
    for several in ({"max_replicas": 2}, {"cpu_percent_max": 0.5}):
        found, notes = replicas_of(several, "source")
        assert found is None
        assert len(notes) == 1
        assert notes[0].startswith("stages[0].replicas: are left out: a source is called once")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            {"min_replicas": 1, "cpu_count_max": 2},
            ": cpu_count_min, cpu_count_max, cpu_percent_min, cpu_percent_max do not go with min_r",
        ),
        (
            {"cpu_count_max": 1, "cpu_percent_max": 1},
            ": cpu_count_max does not go with cpu_percent_max",
        ),
        ({"min_replicas": -1}, ".min_replicas: input should be greater than or equal to 0"),
        ({"max_replicas": "many"}, ".max_replicas: input should be a valid dictionary"),
        ({"max_replicas": 0}, ".max_replicas: value must be a number of replicas, from 1"),
        ({"max_replicas": {"strategy": "luck"}}, ".max_replicas.strategy: input should be"),
        ({"max_replicas": strategy("static")}, ".max_replicas: value must be a number"),
        ({"max_replicas": strategy(CPUS)}, ".max_replicas: cpu_percent must be a share"),
        ({"max_replicas": strategy(CPUS, value=2)}, ".max_replicas: cpu_percent must be a share"),
        ({"max_replicas": strategy(MEMORY)}, ".max_replicas: memory_per_replica_mb is required"),
        ({"max_replicas": strategy(SHARED)}, ".max_replicas: memory_per_replica_mb is required"),
        ({"max_replicas": 1, "colour": "red"}, ".colour: unknown field"),
        ({"max_replicas": strategy("static", value=1, colour=1)}, ".max_replicas.colour: unknown"),
    ],
)
def test_what_is_wrong_with_replicas_is_told_by_field(
    written: dict[str, Any], expected: str
) -> None:
    with pytest.raises(InvalidDefinitionError) as caught:
        replicas_of(written)
    (wrong,) = caught.value.violations
    assert str(wrong).startswith(f"stages[0].replicas{expected}")


def test_the_runtime_section_is_taken_over_and_what_has_no_meaning_is_told() -> None:
    written = {
        "disable_dynamic_scaling": True,
        "dynamic_memory_threshold": 0.5,
        "static_memory_threshold": 0.6,
        "pid_controller": {"kp": 0.2, "target_queue_depth": 0},
        "launch_simple_broker": True,
    }
    document, notes = translated({"stages": [], "pipeline": written})
    assert document["runtime"] == {
        "disable_dynamic_scaling": True,
        "dynamic_memory_threshold": 0.5,
        "static_memory_threshold": 0.6,
    }
    assert [it.path for it in notes] == ["pipeline.pid_controller", "pipeline.launch_simple_broker"]
    assert all("is left out: " in it.message for it in notes)


def test_a_broker_that_is_not_wanted_is_no_news() -> None:
    _, notes = translated({"stages": [], "pipeline": {"launch_simple_broker": False}})
    assert notes == []


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [
        ({"pid_controller": {"kd": 1}}, "pipeline.pid_controller.kd: unknown field"),
        ({"launch_simple_broker": 1}, "pipeline.launch_simple_broker: input should be a valid boo"),
    ],
)
def test_what_is_left_out_has_to_be_right_nevertheless(
    runtime: dict[str, Any], expected: str
) -> None:
    with pytest.raises(InvalidDefinitionError) as caught:
        translated({"stages": [], "pipeline": runtime})
    assert str(caught.value).startswith(expected)


def test_edges_to_a_stage_have_the_usual_size_where_one_of_them_has_any() -> None:
    first = {"from": "a", "to": "b", "queue_size": 8}
    second, other = {"from": "c", "to": "b"}, {"from": "b", "to": "d"}
    document, notes = translated({"stages": [], "edges": [first, second, other]})
    assert document["edges"] == [first, {**second, "queue_size": 100}, other]
    assert not notes


def filtered(*filters: Any) -> tuple[dict[str, Any], list[Any]]:
    document, notes = translated({"stages": [{"name": "udf", "task_filters": [*filters]}]})
    (stage,) = document["stages"]
    return {key: it for key, it in stage.items() if key != "name"}, notes


def test_tasks_are_chosen_by_names_and_properties() -> None:
    pdf = {"document_type": "regex:^pdf$"}
    match = {"task": "extract", "properties": pdf}
    assert filtered("udf", ["split"]) == ({"task_filters": ["udf", "split"]}, [])
    assert filtered(["extract", pdf]) == ({"task_matches": [match]}, [])
    assert filtered("udf", ["extract", pdf]) == (
        {"task_filters": ["udf"], "task_matches": [match]},
        [],
    )
    found, _ = filtered(["extract", pdf, {"method": "*"}])
    assert found == {"task_matches": [{**match, "properties": {**pdf, "method": "*"}}]}


@pytest.mark.parametrize(
    "wrong", [[], [5], ["a", "b"], [{"a": 1}], {"a": 1}, ["a", {"b": 1}, {"b": 2}]]
)
def test_a_filter_that_names_no_task_is_refused(wrong: Any) -> None:
    message = r"stages\[0\].task_filters\[1\]: must be the name of a task, or a list such as"
    with pytest.raises(InvalidDefinitionError, match=message):
        filtered("a", wrong)


def test_there_is_one_runtime_section() -> None:
    with pytest.raises(InvalidDefinitionError, match="pipeline: is what runtime is here"):
        translated({"stages": [], "pipeline": {}, "runtime": {}})


def test_a_name_for_people_becomes_one_without_blanks() -> None:
    document, notes = translated({"stages": [], "name": "My default pipeline (2)"})
    assert document["name"] == "My-default-pipeline-2"
    assert str(notes[0].message) == "'My default pipeline (2)' becomes 'My-default-pipeline-2'"


@given(st.text())
def test_any_text_makes_a_name(text: str) -> None:
    name = plain_name(text)
    assert re.fullmatch(NAME_PATTERN, name)
    assert len(name) <= 63


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
NAMES = st.sampled_from(["strategy", "value", "limit", "name", "replicas", "kp"]) | st.text()


@given(st.recursive(LEAVES, lambda it: st.lists(it) | st.dictionaries(NAMES, it)))
def test_nothing_breaks_the_translation(value: Any) -> None:
    fields = {"max_replicas": value}
    for document in (
        {"stages": value, "name": value, "pipeline": value, "edges": value},
        {"edges": [value, {"queue_size": value}]},
        {"stages": [value, {"replicas": value}, {"replicas": fields}, {"task_filters": value}]},
    ):
        try:
            translated(document)
        except InvalidDefinitionError:
            continue


def test_a_file_as_they_are_written_is_a_run() -> None:
    loaded = load(FILE.read_text(), {"PARSER_KEY": "k", "BROKER_PORT": "7000"})
    (run,) = loaded.runs
    definition = prepare(run.spec, RunIdentity()).definition
    assert definition.name == "Documents-default-pipeline"
    stages = {stage.name: stage for stage in definition.stages}
    assert stages["broker_source"].config["broker"] == {"host": "localhost", "port": 7000}
    assert stages["pdf_parser"].config == {
        "auth_token": "k",
        "endpoints": ["parser:8001", "http://parser:8000/v1/infer"],
        "protocol": "grpc",
    }
    assert stages["broker_source"].replicas is None
    parser = stages["pdf_parser"].replicas
    assert parser is not None
    assert parser.max_by is not None
    assert parser.max_by.memory_thresholding is not None
    assert stages["splitter"].task_filters == ["split"]
    assert definition.runtime.disable_dynamic_scaling is False
    assert definition.runtime.static_memory_threshold == 0.75
    assert loaded.variables == {"PARSER_KEY", "BROKER_PORT"}
    assert {it.path for it in loaded.notes} >= {"name", "pipeline.pid_controller"}
