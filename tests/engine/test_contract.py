"""What a stage's code may be, what it is given, and what it may give back."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipelinerun.api.status import StageStatus
from tests.engine.pipeline import Pipeline, counts, numbers, source, states, work

ROWS = 2500

FORMS = """
class Base:
    def __init__(self, shift=0):
        self.shift = shift

# Per row: nothing, a row, a list of rows, rows one by one.
def nothing(row): return None
def one(row): return {"n": row["id"]}
def many(row): return [{"n": row["id"]}, {"n": -row["id"]}]
def some(row):
    for _ in range(row["id"] % 3):
        yield {"n": row["id"]}
class Nothing(Base):
    def __call__(self, row): return None
class One(Base):
    def __call__(self, row): return {"n": row["id"] + self.shift}
class Many(Base):
    def __call__(self, row): return [{"n": row["id"]}, {"n": -row["id"]}]
class Some(Base):
    def __call__(self, row):
        for _ in range(row["id"] % 3):
            yield {"n": row["id"]}

# Per batch: the same with columns.
def no_batch(batch): return None
def batch(batch): return {"n": batch["id"]}
def batches(batch): return [{"n": batch["id"]}, {"n": -batch["id"]}]
def batch_by_batch(batch):
    for rest in range(3):
        chosen = batch["id"][batch["id"] % 3 > rest]
        yield {"n": chosen}
class NoBatch(Base):
    def __call__(self, batch): return None
class Batch(Base):
    def __call__(self, batch): return {"n": batch["id"] + self.shift}
class Batches(Base):
    def __call__(self, batch): return [{"n": batch["id"]}, {"n": -batch["id"]}]
class BatchByBatch(Base):
    def __call__(self, batch):
        yield from batch_by_batch(batch)
"""

IDS = range(ROWS)
EXPECTED = {
    "nothing": [],
    "one": [*IDS],
    "many": [*IDS, *(-n for n in IDS)],
    "some": [n for n in IDS for _ in range(n % 3)],
}


@pytest.mark.parametrize(
    ("name", "per", "like"),
    [
        *((name, "Row", like) for like in EXPECTED for name in (like, like.capitalize())),
        ("no_batch", "Batch", "nothing"),
        ("NoBatch", "Batch", "nothing"),
        ("batch", "Batch", "one"),
        ("Batch", "Batch", "one"),
        ("batches", "Batch", "many"),
        ("Batches", "Batch", "many"),
        ("batch_by_batch", "Batch", "some"),
        ("BatchByBatch", "Batch", "some"),
    ],
)
def test_every_form_of_a_stage(pipeline: Pipeline, name: str, per: str, like: str) -> None:
    expected = sorted(EXPECTED[like])
    size: dict[str, Any] = {"batchSize": 400} if per == "Batch" else {}
    outcome = pipeline([numbers(ROWS), work(name, per=per, **size), pipeline.keep], FORMS)
    assert outcome.exit_code == 0, outcome.failure
    assert sorted(row["n"] for row in pipeline.rows) == expected
    assert counts(outcome) == [(0, ROWS), (ROWS, len(expected)), (len(expected), 0)]
    assert states(outcome) == ["Succeeded"] * 3


def test_config_is_given_as_keyword_arguments(pipeline: Pipeline) -> None:
    stages = [
        numbers(10),
        work("One", config={"shift": 100}, replicas={"min": 1, "max": 2}),
        pipeline.keep,
    ]
    assert pipeline(stages, FORMS).exit_code == 0
    assert sorted(row["n"] for row in pipeline.rows) == [*range(100, 110)]


@pytest.mark.parametrize(
    ("batch_format", "kind"),
    [
        (None, "dict of ndarray"),
        ("numpy", "dict of ndarray"),
        ("pandas", "DataFrame"),
        ("pyarrow", "Table"),
    ],
)
def test_batches_have_the_format_and_size_asked_for(
    pipeline: Pipeline, batch_format: str | None, kind: str
) -> None:
    code = """
def work(batch):
    kind = type(batch).__name__
    if kind == "dict":
        kind += " of " + type(batch["id"]).__name__
    yield {"kind": [kind], "length": [len(batch["id"])]}
"""
    fields: dict[str, Any] = {"batchFormat": batch_format} if batch_format else {}
    outcome = pipeline(
        [numbers(1000), work(per="Batch", batchSize=250, **fields), pipeline.keep], code
    )
    assert outcome.exit_code == 0, outcome.failure
    assert {row["kind"] for row in pipeline.rows} == {kind}
    assert sum(row["length"] for row in pipeline.rows) == 1000
    assert max(row["length"] for row in pipeline.rows) == 250


@pytest.mark.parametrize(
    "result", ["pd.DataFrame({'n': [1, 2]})", "pa.table({'n': [1, 2]})", "{'n': [1, 2]}"]
)
def test_a_batch_may_be_returned_in_any_format(pipeline: Pipeline, result: str) -> None:
    code = f"""
import pandas as pd, pyarrow as pa
def work(batch):
    return {result}
"""
    outcome = pipeline([numbers(1), work(per="Batch"), pipeline.keep], code)
    assert outcome.exit_code == 0, outcome.failure
    assert pipeline.rows == [{"n": 1}, {"n": 2}]


SOURCES = """
import pandas as pd, pyarrow as pa, ray.data
def dataset(): return ray.data.from_items([{"n": n} for n in range(50)])
def rows(): return [{"n": n} for n in range(50)]
def frame(): return pd.DataFrame({"n": range(50)})
def table(): return pa.table({"n": list(range(50))})
def generator():
    for n in range(50):
        yield {"n": n}
def iterator(): return iter(rows())
def frames():
    for start in range(0, 50, 10):
        yield pd.DataFrame({"n": range(start, start + 10)})
def mixed():
    yield {"n": 0}
    yield pa.table({"n": list(range(1, 49))})
    yield {"n": 49}
class Reader:
    def __init__(self, count): self.count = count
    def __call__(self):
        for n in range(self.count):
            yield {"n": n}
"""


@pytest.mark.parametrize(
    "name",
    ["dataset", "rows", "frame", "table", "generator", "iterator", "frames", "mixed"],
)
def test_every_form_of_a_source(pipeline: Pipeline, name: str) -> None:
    outcome = pipeline([source(name), pipeline.keep], SOURCES)
    assert outcome.exit_code == 0, outcome.failure
    assert sorted(row["n"] for row in pipeline.rows) == [*range(50)]
    assert counts(outcome) == [(0, 50), (50, 0)]


def test_a_source_may_be_a_class(pipeline: Pipeline) -> None:
    read = {"name": "read", "type": "source", "actor": "steps:Reader", "config": {"count": 50}}
    outcome = pipeline([read, pipeline.keep], SOURCES)
    assert outcome.exit_code == 0, outcome.failure
    assert sorted(row["n"] for row in pipeline.rows) == [*range(50)]


SINKS = """
import json
from pathlib import Path
import ray.data

def note(file, count):
    with open(file, "a") as lines:
        lines.write(f"{count}\\n")

def per_row(row, file): note(file, 1)
def per_batch(batch, file): note(file, len(batch["id"]))
def generator(row, file):
    note(file, 1)
    yield row
class PerRow:
    def __init__(self, file): self.file = file
    def __call__(self, row): note(self.file, 1)
class PerBatch(PerRow):
    def __call__(self, batch): note(self.file, len(batch["id"]))
def whole(dataset, file): note(file, dataset.count())
def annotated(it: ray.data.Dataset, file): note(file, it.count())
"""


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("per_row", {}),
        ("generator", {}),
        ("PerRow", {}),
        ("per_batch", {"per": "Batch"}),
        ("PerBatch", {"per": "Batch"}),
        ("whole", {}),
        ("annotated", {}),
    ],
)
def test_every_form_of_a_sink(pipeline: Pipeline, name: str, fields: dict[str, str]) -> None:
    field = "actor" if name[0].isupper() else "callable"
    config = {"file": str(pipeline.kept)}
    sink = {"name": "s", "type": "sink", field: f"steps:{name}", "config": config, **fields}
    outcome = pipeline([numbers(500), sink], SINKS)
    assert outcome.exit_code == 0, outcome.failure
    assert sum(map(int, pipeline.kept.read_text().split())) == 500
    assert counts(outcome) == [(0, 500), (500, 0)]


def test_readers_and_writers_of_ray_data_are_used_directly(pipeline: Pipeline) -> None:
    table = pd.DataFrame({"n": range(100), "text": [f"row {n}" for n in range(100)]})
    table.to_csv(pipeline.folder / "in.csv", index=False)
    stages = [
        {
            "name": "read",
            "type": "source",
            "callable": "ray.data:read_csv",
            "config": {"paths": str(pipeline.folder / "in.csv")},
        },
        {
            "name": "write",
            "type": "sink",
            "callable": "ray.data:Dataset.write_parquet",
            "config": {"path": str(pipeline.folder / "out")},
        },
    ]
    outcome = pipeline(stages)
    assert outcome.exit_code == 0, outcome.failure
    written = pq.read_table(pipeline.folder / "out").to_pandas().sort_values("n")
    assert written.reset_index(drop=True).equals(table)
    assert counts(outcome) == [(0, 100), (100, 0)]


def test_code_that_asks_for_a_context_is_told_who_runs(pipeline: Pipeline) -> None:
    code = """
def told(context):
    return dict(stage=context.stage, name=context.name, namespace=context.namespace,
                uid=context.uid, attempt=context.attempt, params=str(context.params),
                stopping=context.stopping, logger=context.logger.name)

def read(context):
    yield told(context)

def work(row, context):
    return [row, told(context)]

class Late:
    def __call__(self, row, context):
        return [row, told(context)]

class Early:
    def __init__(self, context):
        self.context = context
    def __call__(self, row):
        return [row, told(self.context)]
"""
    stages = [
        source("read"),
        work(),
        work("Late") | {"name": "late"},
        work("Early") | {"name": "early"},
        pipeline.keep,
    ]
    outcome = pipeline(stages, code)
    assert outcome.exit_code == 0, outcome.failure
    assert {row["stage"] for row in pipeline.rows} == {"read", "work", "late", "early"}
    assert {row["logger"] for row in pipeline.rows} == {
        f"pipeline.{name}" for name in ("read", "work", "late", "early")
    }
    same = {"name": "run", "namespace": "here", "uid": "u", "attempt": 2, "params": "{'p': 1}"}
    for row in pipeline.rows:
        assert {key: row[key] for key in same} == same
        assert row["stopping"] is False


def test_a_disabled_stage_is_left_out(pipeline: Pipeline) -> None:
    left_out = work("missing", enabled=False)
    outcome = pipeline([numbers(5), left_out, pipeline.keep])
    assert outcome.exit_code == 0, outcome.failure
    assert [stage.name for stage in outcome.stages] == ["read", "keep"]
    assert len(pipeline.rows) == 5


def test_state_is_made_once_per_replica(pipeline: Pipeline) -> None:
    code = """
class Count:
    def __init__(self, file):
        with open(file, "a") as lines:
            lines.write("made\\n")
        self.seen = 0
    def __call__(self, row):
        self.seen += 1
        return {"n": self.seen}
"""
    made = pipeline.folder / "made"
    replicas = {"min": 1, "max": 1}
    stages = [
        numbers(5000),
        work("Count", config={"file": str(made)}, replicas=replicas),
        pipeline.keep,
    ]
    outcome = pipeline(stages, code)
    assert outcome.exit_code == 0, outcome.failure
    assert made.read_text().splitlines() == ["made"]
    assert sorted(row["n"] for row in pipeline.rows) == [*range(1, 5001)]
    assert outcome.stages[1].replicas == 1


def test_modules_of_the_run_import_each_other(pipeline: Pipeline) -> None:
    files = {
        "text/clean.py": "from text.names import NAME\ndef work(row): return {NAME: row['id']}",
        "text/names.py": "NAME = 'called'",
    }
    stages = [numbers(3), {"name": "w", "callable": "text.clean:work"}, pipeline.keep]
    outcome = pipeline(stages, files=files)
    assert outcome.exit_code == 0, outcome.failure
    assert sorted(row["called"] for row in pipeline.rows) == [0, 1, 2]


def test_rows_keep_their_values(pipeline: Pipeline) -> None:
    code = """
import numpy as np
def work(row):
    return {"text": "ä", "none": None, "list": [1, 2], "array": np.arange(3), "nested": {"a": 1.5},
            "flag": True, "bytes": b"x", "unicode": "\\U0001F600" * 10}
def check(row, file):
    assert row["array"].tolist() == [0, 1, 2], row
    assert list(row["list"]) == [1, 2], row
    assert row["nested"] == {"a": 1.5} and row["none"] is None and row["bytes"] == b"x"
    assert row["text"] == "ä" and row["flag"] and len(row["unicode"]) == 10
    open(file, "a").write("seen\\n")
"""
    seen = pipeline.folder / "seen"
    sink = {"name": "check", "type": "sink", "callable": "steps:check"}
    outcome = pipeline([numbers(2), work(), sink | {"config": {"file": str(seen)}}], code)
    assert outcome.exit_code == 0, outcome.failure
    assert seen.read_text().splitlines() == ["seen"] * 2


def test_progress_is_told_while_rows_flow_and_at_the_end(pipeline: Pipeline) -> None:
    code = """
import time
def work(row):
    time.sleep(0.02)
    return row
"""
    seen: list[list[StageStatus]] = []
    outcome = pipeline([numbers(150), work(), pipeline.keep], code, on_progress=seen.append)
    assert outcome.exit_code == 0, outcome.failure
    assert seen[-1] == outcome.stages
    on_the_way = [stages[1].rows_in for stages in seen]
    assert on_the_way == sorted(on_the_way)
    assert any(0 < rows < 150 for rows in on_the_way)
    assert outcome.stages[1].seconds >= 150 * 0.02


def test_a_line_may_be_written_out_of_order(pipeline: Pipeline) -> None:
    edges = [{"from": "read", "to": "work"}, {"from": "work", "to": "keep"}]
    code = "def work(row): return {'n': 2 * row['id']}"
    outcome = pipeline([pipeline.keep, work(), numbers(4)], code, edges=edges)
    assert outcome.exit_code == 0, outcome.failure
    assert sorted(row["n"] for row in pipeline.rows) == [0, 2, 4, 6]
    assert [stage.name for stage in outcome.stages] == ["read", "work", "keep"]


def test_numpy_sums_agree(pipeline: Pipeline) -> None:
    code = """
def work(batch):
    return {"sum": [int(batch["id"].sum())], "rows": [len(batch["id"])]}
"""
    outcome = pipeline([numbers(100_000), work(per="Batch", batchSize=999), pipeline.keep], code)
    assert outcome.exit_code == 0, outcome.failure
    assert sum(row["sum"] for row in pipeline.rows) == int(np.arange(100_000).sum())
    assert sum(row["rows"] for row in pipeline.rows) == 100_000


def test_the_file_of_a_sink_is_whole(pipeline: Pipeline) -> None:
    assert pipeline([numbers(10_000), pipeline.keep]).exit_code == 0
    assert sorted(row["id"] for row in pipeline.rows) == [*range(10_000)]
