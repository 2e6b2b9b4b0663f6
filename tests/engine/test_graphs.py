"""Branches, joins, several sources and sinks: every row reaches every sink it should, once."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.prepare import wrong_definition
from pipelinerun.api.status import Outcome
from pipelinerun.api.topology import topology_of
from tests.engine.pipeline import RUN, Pipeline, failure_of
from tests.support.definitions import edges

Rows = list[dict[str, Any]]

STEPS = """
import numpy as np

# Sources.
def some(rows):
    yield from rows
def listed(rows):
    return rows

# Stages: each adds its name to the way that a row has come.
def _on(row, name):
    return {**row, "way": row["way"] + name}
def one(row, name):
    return _on(row, name)
def none_or_one(row, name):
    return _on(row, name) if row["id"] % 2 else None
def two(row, name):
    return [_on(row, name), _on(row, name + "'")]
def some_of(row, name):
    for number in range(row["id"] % 3):
        yield _on(row, name + str(number))
class Replica:
    def __init__(self, name):
        self.name = name
    def __call__(self, row):
        return _on(row, self.name)
def batch(batch, name):
    return {**batch, "way": np.array([way + name for way in batch["way"]], dtype=object)}
def other_columns(row, name):
    return {"id": row["id"], "way": row["way"] + name, "only " + name: [row["id"]]}

# Sinks.
def whole(dataset, file):
    with open(file, "a") as lines:
        for row in dataset.iter_rows():
            lines.write(json.dumps(row, default=str) + "\\n")
"""
CODE = f"import json\n{STEPS}"


def stage(name: str, code: str, kind: str = "stage", **fields: Any) -> dict[str, Any]:
    field = "actor" if code[0].isupper() else "callable"
    module = code if ":" in code else f"steps:{code}"
    config = {"name": name} if kind == "stage" else {}
    return {"name": name, "type": kind, field: module, "config": config} | fields


def source(name: str, ids: Sequence[int], code: str = "some") -> dict[str, Any]:
    rows = [{"id": it, "way": name} for it in ids]
    return stage(name, code, "source", config={"rows": rows})


def sink(pipeline: Pipeline, name: str, code: str = "sinks:keep") -> dict[str, Any]:
    return stage(name, code, "sink", config={"file": str(pipeline.folder / name)})


def ways(pipeline: Pipeline, name: str) -> Counter[str]:
    """Which ways the rows of a sink have come, and how many each."""
    file = pipeline.folder / name
    lines = file.read_text().splitlines() if file.exists() else []
    return Counter(json.loads(line)["way"] for line in lines)


def run(pipeline: Pipeline, stages: Sequence[Any], joined: str, **more: Any) -> Outcome:
    outcome = pipeline([*stages], CODE, edges=edges(*joined.split()), **more)
    assert outcome.failure is None, outcome.failure
    return outcome


def counts(outcome: Outcome) -> dict[str, tuple[int, int]]:
    return {it.name: (it.rows_in, it.rows_out) for it in outcome.stages}


def test_a_branch_is_computed_once_and_reaches_every_sink(pipeline: Pipeline) -> None:
    stages = [
        source("in", range(100)),
        stage("a", "two"),
        stage("b", "Replica"),
        stage("c", "batch", per="Batch", batchSize=7),
        sink(pipeline, "left"),
        sink(pipeline, "right"),
    ]
    outcome = run(pipeline, stages, "in>a a>b a>c b>left c>left c>right")
    assert ways(pipeline, "left") == {"inab": 100, "ina'b": 100, "inac": 100, "ina'c": 100}
    assert ways(pipeline, "right") == {"inac": 100, "ina'c": 100}
    assert counts(outcome) == {
        "in": (0, 100),
        "a": (100, 200),
        "b": (200, 200),
        "c": (200, 200),
        "left": (400, 0),
        "right": (200, 0),
    }


def test_readers_are_joined_and_counted(pipeline: Pipeline) -> None:
    reader = {"name": "read", "type": "source", "callable": "ray.data:range", "config": {"n": 30}}
    stages = [reader, source("in", range(5)), sink(pipeline, "out")]
    outcome = run(pipeline, stages, "read>out in>out")
    assert counts(outcome) == {"read": (0, 30), "in": (0, 5), "out": (35, 0)}


@pytest.mark.parametrize("joined", ["in>parquet in>b b>out", "in>parquet in2>b b>out"])
def test_a_writer_shares_a_plan_with_other_sinks(pipeline: Pipeline, joined: str) -> None:
    folder = pipeline.folder / "parquet"
    writer = stage(
        "parquet", "ray.data:Dataset.write_parquet", "sink", config={"path": str(folder)}
    )
    stages = [source("in", range(20)), stage("b", "one"), writer, sink(pipeline, "out")]
    if "in2" in joined:
        stages.append(source("in2", range(7)))
    outcome = run(pipeline, stages, joined)
    assert counts(outcome)["parquet"] == (20, 0)
    assert counts(outcome)["out"] == (7 if "in2" in joined else 20, 0)
    assert list(folder.glob("*.parquet"))


def test_several_sinks_are_given_a_dataset_each(pipeline: Pipeline) -> None:
    stages = [
        source("in", range(20)),
        stage("a", "other_columns"),
        sink(pipeline, "left", "whole"),
        sink(pipeline, "right", "whole"),
        sink(pipeline, "called"),
    ]
    outcome = run(pipeline, stages, "in>a a>left in>right in>called")
    assert ways(pipeline, "left") == {"ina": 20}
    assert ways(pipeline, "right") == ways(pipeline, "called") == {"in": 20}
    assert [counts(outcome)[name] for name in ("left", "right")] == [(20, 0), (20, 0)]


def test_a_stage_acts_on_rows_with_its_tasks_and_others_pass_by(pipeline: Pipeline) -> None:
    rows = [{"id": it, "way": "in", "tasks": ["x", "y"][: it % 3]} for it in range(30)]
    stages = [
        stage("in", "some", "source", config={"rows": rows}),
        stage("a", "one", taskFilters=["y"]),
        stage("b", "batch", per="Batch", taskFilters=["z", "x"]),
        sink(pipeline, "out") | {"taskFilters": ["x"]},
        sink(pipeline, "all"),
    ]
    outcome = run(pipeline, stages, "in>a a>b b>out b>all")
    assert ways(pipeline, "out") == {"inb": 10, "inab": 10}
    assert ways(pipeline, "all") == {"in": 10, "inb": 10, "inab": 10}
    assert counts(outcome)["b"] == (30, 30)


def test_a_stage_acts_on_rows_whose_tasks_have_its_properties(pipeline: Pipeline) -> None:
    kinds = [{"kind": "pdf", "pages": [1, 2]}, {"kind": "docx"}, {"kind": "pdf"}]
    rows = [
        {"id": it, "way": "in", "tasks": [{"type": "x", "properties": kinds[it % 3]}]}
        for it in range(30)
    ]
    stages = [
        stage("in", "some", "source", config={"rows": rows}),
        stage("a", "one", taskMatches=[{"task": "x", "properties": {"kind": "pdf"}}]),
        stage(
            "b",
            "batch",
            per="Batch",
            taskMatches=[
                {"task": "x", "properties": {"kind": "regex:p", "pages": 2}},
                {"task": "y", "properties": {"kind": "*"}},
            ],
        ),
        sink(pipeline, "out"),
    ]
    outcome = run(pipeline, stages, "in>a a>b b>out")
    assert ways(pipeline, "out") == {"in": 10, "ina": 10, "inab": 10}
    assert counts(outcome)["b"] == (30, 30)


def test_a_failure_in_a_branch_names_the_stage(pipeline: Pipeline) -> None:
    code = CODE + "\ndef fail(row, name): raise ValueError(row['id'])"
    stages = [source("in", [1]), stage("a", "one"), stage("b", "fail"), sink(pipeline, "out")]
    outcome = pipeline(stages, code, edges=edges("in>a", "in>b", "a>out", "b>out"))
    assert (failure_of(outcome).stage, failure_of(outcome).exception) == ("b", "ValueError")


def test_a_join_is_kept_and_started_from(pipeline: Pipeline) -> None:
    stages = [
        source("in", range(10)),
        stage("a", "one"),
        stage("b", "two"),
        stage("c", "one", checkpoint=str(pipeline.folder / "checkpoint")),
        stage("d", "one"),
        sink(pipeline, "left"),
        sink(pipeline, "right"),
    ]
    joined = "in>a in>b a>c b>c c>d c>left d>right"
    first = run(pipeline, stages, joined, run=RUN.model_copy(update={"attempt": 1}))
    left = ways(pipeline, "left")
    assert left == {"inac": 10, "inbc": 10, "inb'c": 10}
    assert counts(first)["c"] == (30, 30)
    assert [it.name for it in first.stages if it.checkpointed] == ["c"]
    later = RUN.model_copy(update={"attempt": 1, "uid": "later"})
    second = run(pipeline, stages, joined, run=later, resume_from="d")
    assert ways(pipeline, "left") == left + left
    assert [it.name for it in second.stages if it.state == "Skipped"] == ["in", "a", "b", "c"]


def test_a_source_kept_before_a_branch_is_read_once(pipeline: Pipeline) -> None:
    code = CODE + "\ndef once(file):\n    open(file, 'x').close()\n    yield {'id': 1, 'way': 'in'}"
    kept = {
        "checkpoint": str(pipeline.folder / "in"),
        "config": {"file": str(pipeline.folder / "x")},
    }
    stages = [
        stage("in", "once", "source", **kept),
        stage("a", "one", checkpoint=str(pipeline.folder / "a")),
        stage("b", "one"),
        sink(pipeline, "out"),
    ]
    outcome = pipeline(stages, code, edges=edges("in>a", "in>b", "a>out", "b>out"))
    assert outcome.failure is None
    assert ways(pipeline, "out") == {"ina": 1, "inb": 1}


def test_an_unbounded_source_streams_through_branches_until_it_is_drained(
    pipeline: Pipeline,
) -> None:
    code = CODE + (
        "\ndef endless():\n    import itertools, time\n"
        "    for number in itertools.count():\n"
        "        yield {'id': number, 'way': 'in'}\n        time.sleep(0.01)"
    )
    stages = [
        stage("in", "endless", "source"),
        stage("a", "Replica"),
        stage("b", "one"),
        sink(pipeline, "left"),
        sink(pipeline, "right"),
    ]

    def drain_once_rows_arrive(stages: Sequence[Any]) -> None:
        if all(it.rows_in for it in stages[-2:]):
            pipeline.draining.set()

    outcome = pipeline(
        stages,
        code,
        edges=edges("in>a", "in>b", "a>left", "b>right"),
        on_progress=drain_once_rows_arrive,
    )
    assert outcome.failure is None
    rows = outcome.stages[0].rows_out
    assert ways(pipeline, "left") == {"ina": rows}
    assert ways(pipeline, "right") == {"inb": rows}


# Any graph: what reaches the sinks is what a plain interpreter of the definition puts there.

KINDS = ["one", "none_or_one", "two", "some_of", "batch", "other_columns", "one", "Replica"]
TEXT = st.text(max_size=3)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A definition with data in its sources. Some stages are disabled."""
    value = draw(st.sampled_from([st.integers(-5, 5), TEXT, st.lists(st.integers(0, 3))]))
    sources, inner, sinks = [], [], []
    for number in range(draw(st.integers(1, 2))):
        source_of = source(f"i{number}", draw(st.lists(st.integers(0, 9), max_size=6)))
        source_of["callable"] = draw(st.sampled_from(["steps:some", "steps:listed"]))
        for row in source_of["config"]["rows"]:
            row["value"] = draw(value)
        sources.append(source_of)
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(KINDS))
        fields: dict[str, Any] = {"per": "Batch", "batchSize": 2} if kind == "batch" else {}
        enabled = draw(st.integers(0, 5)) > 0
        inner.append(stage(f"a{number}", kind, enabled=enabled, **fields))
    for number in range(draw(st.integers(1, 3))):
        code = draw(st.sampled_from(["sinks:keep", "sinks:keep", "whole"]))
        sinks.append(stage(f"o{number}", code, "sink"))
    before = [it["name"] for it in sources]
    pairs: list[str] = []
    for it in [*inner, *sinks]:
        chosen = draw(st.lists(st.sampled_from(before), min_size=1, max_size=2, unique=True))
        pairs += [f"{other}>{it['name']}" for other in chosen]
        if it["type"] == "stage":
            before.append(it["name"])
    fed = {pair.split(">")[0] for pair in pairs}
    last = sinks[0]["name"]
    pairs += [f"{name}>{last}" for name in before if name not in fed]
    joined = edges(*pairs)
    for it in [*inner, *sinks]:
        size = draw(st.none() | st.integers(1, 5))
        if size is not None and it["callable" if "callable" in it else "actor"] != "steps:whole":
            for edge in (edge for edge in joined if edge["to"] == it["name"]):
                edge["queueSize"] = size
    return {"stages": [*sources, *inner, *sinks], "edges": joined}


def interpreted(definition: PipelineDefinition) -> dict[str, Rows]:
    """The rows of every sink: one row after the other, one stage after the other."""
    code: dict[str, Any] = {}
    exec(STEPS, code)
    graph = topology_of(definition)
    out: dict[str, Rows] = {}
    for name, it in graph.stages.items():
        given_rows = [row for before in graph.before[name] for row in out[before]]
        attribute = it.import_path.split(":")[1]
        if it.type == "sink":
            out[name] = given_rows
        elif it.type == "source":
            out[name] = [*code[attribute](**it.config)]
        else:
            out[name] = [row for given in given_rows for row in called(code, it, given)]
    return {name: rows for name, rows in out.items() if graph.stages[name].type == "sink"}


def called(code: dict[str, Any], it: Any, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    target = code[it.import_path.split(":")[1]]
    if it.per == "Batch":
        yield row | {"way": target({"way": [row["way"]]}, **it.config)["way"][0]}
        return
    result = target(**it.config)(row) if it.actor else target(row, **it.config)
    yield from [] if result is None else [result] if isinstance(result, dict) else result


NUMBERS = count()


@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(document=documents())
def test_any_graph_gives_its_sinks_what_a_plain_interpreter_does(
    pipeline: Pipeline, document: dict[str, Any]
) -> None:
    folder = pipeline.folder / f"example-{next(NUMBERS)}"
    folder.mkdir()
    for it in document["stages"]:
        if it["type"] == "sink":
            it["config"] = {"file": str(folder / it["name"])}
    definition = PipelineDefinition.model_validate(document)
    assert wrong_definition(definition) == []
    outcome = pipeline(document["stages"], CODE, edges=document["edges"])
    assert outcome.failure is None, outcome.failure
    expected = interpreted(definition)
    assert {name: bag(kept(folder / name)) for name in expected} == {
        name: bag(rows) for name, rows in expected.items()
    }
    assert {it.name: it.rows_in for it in outcome.stages if it.name in expected} == {
        name: len(rows) for name, rows in expected.items()
    }


def kept(file: Path) -> Rows:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def bag(rows: Rows) -> Counter[str]:
    """Rows in no order; a column that a row does not have is one that is None."""
    present = ({key: value for key, value in row.items() if value is not None} for row in rows)
    return Counter(json.dumps(row, sort_keys=True, default=str) for row in present)
