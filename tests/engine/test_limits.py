"""Little and much: no rows at all, many stages, big values, long lines."""

import pytest

from tests.engine.pipeline import Pipeline, counts, numbers, source, work

CODE = """
def none(): return []
def none_yielded():
    return
    yield
def no_frame():
    import pandas as pd
    return pd.DataFrame({"id": []})
def same(row): return row
def batch(batch): return batch
def big(row): return {"id": row["id"], "value": b"x" * 50_000_000}
def measure(row): return {"length": len(row["value"])}
def shout(row):
    print("x" * 50_000_000)
    return row
def explode(row):
    for n in range(20_000):
        yield {"n": n}
def empty(row): return {}
class Same:
    def __call__(self, row): return row
"""


@pytest.mark.parametrize("name", ["none", "none_yielded", "no_frame"])
@pytest.mark.parametrize("middle", [work("same"), work("batch", per="Batch"), work("Same")])
def test_a_source_without_rows_succeeds(
    pipeline: Pipeline, name: str, middle: dict[str, str]
) -> None:
    outcome = pipeline([source(name), middle, pipeline.keep], CODE)
    assert outcome.exit_code == 0, outcome.failure
    assert counts(outcome) == [(0, 0)] * 3
    assert pipeline.rows == []


def test_nothing_is_written_as_nothing(pipeline: Pipeline) -> None:
    write = {"name": "write", "type": "sink", "callable": "ray.data:Dataset.write_parquet"}
    out = str(pipeline.folder / "out")
    outcome = pipeline([source("none"), work("same"), write | {"config": {"path": out}}], CODE)
    assert outcome.exit_code == 0, outcome.failure
    assert counts(outcome) == [(0, 0)] * 3


def test_rows_without_columns(pipeline: Pipeline) -> None:
    outcome = pipeline([numbers(3), work("empty"), pipeline.keep], CODE)
    assert outcome.exit_code == 0, outcome.failure


def test_500_stages(pipeline: Pipeline) -> None:
    middle = [work("same") | {"name": f"s{number}"} for number in range(498)]
    outcome = pipeline([numbers(20), *middle, pipeline.keep], CODE)
    assert outcome.exit_code == 0, outcome.failure
    assert counts(outcome) == [(0, 20), *[(20, 20)] * 498, (20, 0)]
    assert len(pipeline.rows) == 20


def test_values_of_50_mb(pipeline: Pipeline) -> None:
    stages = [numbers(4), work("big"), work("measure") | {"name": "measure"}, pipeline.keep]
    outcome = pipeline(stages, CODE)
    assert outcome.exit_code == 0, outcome.failure
    assert pipeline.rows == [{"length": 50_000_000}] * 4


def test_a_line_of_50_mb(pipeline: Pipeline) -> None:
    outcome = pipeline([numbers(1), work("shout"), pipeline.keep], CODE)
    assert outcome.exit_code == 0, outcome.failure


def test_a_row_that_becomes_very_many(pipeline: Pipeline) -> None:
    stages = [numbers(10), work("explode"), pipeline.keep]
    outcome = pipeline(stages, CODE)
    assert outcome.exit_code == 0, outcome.failure
    assert counts(outcome) == [(0, 10), (10, 200_000), (200_000, 0)]


def test_many_stages_with_state_share_the_cpus(pipeline: Pipeline) -> None:
    middle = [work("Same") | {"name": f"s{number}"} for number in range(6)]
    outcome = pipeline([numbers(20), *middle, pipeline.keep], CODE)
    assert outcome.exit_code == 0, outcome.failure
    assert counts(outcome) == [(0, 20), *[(20, 20)] * 6, (20, 0)]
