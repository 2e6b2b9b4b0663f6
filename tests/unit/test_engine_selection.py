"""Which rows a stage acts on."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelinerun.api.stage import Stage
from pipelinerun.engine.rows import block_of, rows_of
from pipelinerun.engine.selection import Selection


def stage(**fields: Any) -> Stage:
    return Stage.model_validate({"name": "work", "callable": "steps:work", **fields})


BOTH = Selection(stage(taskFilters=["extract", "caption"]))
PDF = Selection(
    stage(
        taskFilters=["split"],
        taskMatches=[{"task": "extract", "properties": {"document_type": "regex:pdf|html$"}}],
    )
)


@pytest.mark.parametrize(
    ("tasks", "selected"),
    [
        (["extract"], True),
        (["split", "caption"], True),
        (["split"], False),
        ([], False),
        (None, False),
        ("extract", True),
        ("extractor", False),
        (np.array(["caption"]), True),
        ([{"type": "extract", "properties": {}}], True),
        ([{"type": "split"}, {}], False),
    ],
)
def test_a_row_is_selected_by_its_tasks(tasks: Any, *, selected: bool) -> None:
    row = {"id": 1, "tasks": tasks}
    found = BOTH.per_row(lambda _: "acted")(row)
    assert (found == "acted") if selected else (found is row)


def test_a_row_without_tasks_passes_by() -> None:
    assert BOTH.per_row(lambda _: None)({"id": 1}) == {"id": 1}


def extract(**properties: Any) -> dict[str, Any]:
    return {"type": "extract", "properties": properties}


@pytest.mark.parametrize(
    ("tasks", "selected"),
    [
        ([extract(document_type="pdf", method="fast")], True),
        ([extract(document_type="docx"), extract(document_type="html")], True),
        ([extract(document_type="docx")], False),
        ([extract()], False),
        ([{"type": "extract", "properties": None}], False),
        ([{"type": "extract"}], False),
        (["extract"], False),
        (["extract", "split"], True),
        (extract(document_type="pdf"), True),
        (np.array([extract(document_type=np.array(["docx", "pdf"]))]), True),
        (np.array([extract(document_type=np.str_("pdf"))]), True),
    ],
)
def test_a_row_is_selected_by_properties_of_its_tasks(tasks: Any, *, selected: bool) -> None:
    assert PDF.selects(tasks) is selected


def ids(batches: Any) -> list[int]:
    return [row["id"] for batch in batches for row in rows_of(block_of(batch))]


@pytest.mark.parametrize("batch_format", ["numpy", "pandas", "pyarrow"])
def test_the_rows_of_a_batch_that_are_selected_are_a_batch(batch_format: str) -> None:
    kinds = {"numpy": dict, "pandas": pd.DataFrame, "pyarrow": pa.Table}
    columns = {"id": [0, 1, 2, 3], "tasks": [["extract"], ["split"], ["split"], ["caption"]]}
    given: list[Any] = []

    def keep(batch: Any) -> Any:
        assert isinstance(batch, kinds[batch_format])
        given.append(batch)
        return batch

    whole = {"numpy": columns, "pandas": pd.DataFrame(columns), "pyarrow": pa.table(columns)}
    found = [*BOTH.per_batch(keep, batch_format)(whole[batch_format])]
    assert ids(given) == [0, 3]
    assert sorted(ids(found)) == [0, 1, 2, 3]


def test_a_call_is_made_for_no_empty_batch() -> None:
    def fail(_: Any) -> None:
        raise AssertionError

    columns = {"id": [1], "tasks": [["split"]]}
    assert ids(BOTH.per_batch(fail, "numpy")(columns)) == [1]
    assert ids(PDF.per_batch(lambda _: None, "numpy")(columns)) == []
