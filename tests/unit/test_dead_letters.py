"""How rows that a stage failed on are written down."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelinerun.api.status import Failure
from pipelinerun.engine.dead_letters import LetterFiles, letter, line

FAILURE = Failure(class_="User", stage="work", exception="ValueError", message="no", tail="Tr…")


ONE = letter(FAILURE, [{"n": 1}], 1)


class Thing:
    def __str__(self) -> str:
        return "a thing"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("ä\n", "ä\n"),
        (b"\x00\xff", "AP8="),
        (np.float32(0.5), 0.5),
        (np.array([[1, 2]]), [[1, 2]]),
        (np.array([b"\x00\xff"], dtype=object), ["AP8="]),
        (float("nan"), None),
        ([np.inf, {"a": (1, None)}], [None, {"a": [1, None]}]),
        (datetime(2026, 1, 31, tzinfo=UTC), "2026-01-31T00:00:00+00:00"),
        (np.datetime64("2026-01-31T12:00"), "2026-01-31T12:00:00"),
        (Thing(), "a thing"),
    ],
)
def test_every_value_has_a_form_in_json(value: Any, written: object) -> None:
    given = letter(FAILURE, [{"value": value}], 1)
    assert given["rows"] == [{"value": value}]
    text = line(given)
    assert "\n" not in text
    assert json.loads(text) == {
        "id": given["id"],
        "stage": "work",
        "exception": "ValueError",
        "message": "no",
        "traceback": "Tr…",
        "rows": [{"value": written}],
    }


def test_a_letter_is_known_by_the_call_that_failed() -> None:
    assert letter(FAILURE, [], ("run", 1)) == letter(FAILURE, [], ("run", 1))
    assert letter(FAILURE, [], ("run", 1))["id"] != letter(FAILURE, [], ("run", 2))["id"]


def test_files_that_no_task_claims_are_removed(tmp_path: Path) -> None:
    letters = LetterFiles(f"file://{tmp_path}/all", "run-1")
    other = LetterFiles(f"{tmp_path}/all", "run-2")
    letters.sweep([])
    kept, lost, others = (
        letters.write("a", [ONE]),
        letters.write("a", [ONE]),
        other.write("a", [ONE]),
    )
    letters.sweep({kept})
    assert sorted(it.name for it in tmp_path.glob("all/*/*")) == sorted([kept, others])
    assert lost != kept
    assert (tmp_path / "all" / "run-1" / kept).read_text() == f"{line(ONE)}\n"
