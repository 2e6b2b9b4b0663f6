"""Rows and batches."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelinerun.engine.rows import (
    A_BATCH,
    CHUNK_BYTES,
    CHUNK_ROWS,
    RowBuffer,
    block_of,
    length_of,
    results_of,
    rows_of,
)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (None, []),
        ({"a": 1}, [{"a": 1}]),
        ({}, [{}]),
        ([], []),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 2}]),
        (({"a": 1},), [{"a": 1}]),
        (iter([{"a": 1}]), [{"a": 1}]),
    ],
)
def test_what_a_call_returns_is_none_one_or_many(result: Any, expected: list[Any]) -> None:
    assert list(results_of(result)) == expected


@pytest.mark.parametrize("batch", [pd.DataFrame({"a": [1, 2]}), pa.table({"a": [1, 2]})])
def test_a_table_is_one_batch(batch: Any) -> None:
    (only,) = results_of(batch)
    assert only is batch
    assert length_of(batch) == 2


@pytest.mark.parametrize("result", [5, "text", b"bytes", {"a"}, np.zeros(3)])
def test_anything_else_is_refused(result: Any) -> None:
    with pytest.raises(TypeError, match=f"returned {type(result).__name__}; a row is a dict"):
        results_of(result)
    with pytest.raises(TypeError, match="a batch is a dict, DataFrame or Table"):
        results_of(result, A_BATCH)


def test_columns_that_a_row_lacks_are_none() -> None:
    buffer = RowBuffer()
    for row in ({"a": 1}, {"b": 2}, {"a": 3, "b": 4}):
        buffer.add(row)
    assert len(buffer) == 3
    assert buffer.take() == {"a": [1, None, 3], "b": [None, 2, 4]}
    assert len(buffer) == 0


def test_a_buffer_is_full_by_rows_or_by_weight() -> None:
    many, heavy = RowBuffer(), RowBuffer()
    for number in range(CHUNK_ROWS):
        assert not many.full
        many.add({"n": number})
    assert many.full
    heavy.add({"text": "x" * CHUNK_BYTES})
    assert heavy.full


def test_rows_survive_being_stored() -> None:
    rows: dict[str, list[Any]] = {"n": [1, 2], "text": ["a", None], "list": [[1], [2, 3]]}
    stored = list(rows_of(block_of(rows)))
    assert [row["n"] for row in stored] == [1, 2]
    assert [row["text"] for row in stored] == ["a", None]
    assert [list(row["list"]) for row in stored] == [[1], [2, 3]]


def test_what_cannot_be_stored_is_told() -> None:
    with pytest.raises(TypeError, match="returned what cannot be stored"):
        block_of({"a": [1, 2], "b": [1]})
