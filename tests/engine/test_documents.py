"""The document example: what its index finds, and what becomes of an index that is there."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from pypdf import PdfReader

from pipelinerun.api.job import PipelineJob
from pipelinerun.engine.run import run_pipeline
from tests.engine.pipeline import counts, failure_of
from tests.support.documents import QUESTIONS, answers
from tests.support.examples import job

pytestmark = pytest.mark.usefixtures("ray_session")

CORPUS = Path("examples/documents/corpus")


def pages() -> Iterator[tuple[str, int]]:
    for path in CORPUS.iterdir():
        number = len(PdfReader(path).pages) if path.suffix == ".pdf" else 1
        yield from ((path.name, page) for page in range(1, number + 1))


def on(folder: Path, corpus: Path = CORPUS) -> PipelineJob:
    return job("documents", input=str(corpus), output=str(folder))


def test_questions_find_the_document_with_the_answer(tmp_path: Path) -> None:
    outcome = run_pipeline(on(tmp_path))
    assert outcome.exit_code == 0, outcome.failure
    passages = pd.read_parquet(tmp_path / "passages")
    every = set(pages())
    assert set(zip(passages["document"], passages["page"], strict=True)) == every
    assert {len(vector) for vector in passages["vector"]} == {256}
    rows = len(passages)
    files = len([*CORPUS.iterdir()])
    assert counts(outcome) == [
        (0, files),
        (files, len(every)),
        (len(every), rows),
        (rows, rows),
        (rows, 0),
    ]
    assert answers(tmp_path / "index.sqlite") == QUESTIONS


def test_an_index_stays_until_another_one_is_complete(tmp_path: Path) -> None:
    corpus, output = tmp_path / "corpus", tmp_path / "output"
    corpus.mkdir()
    (corpus / "one.txt").write_text("Bread rises because yeast breathes out gas.")
    assert run_pipeline(on(output, corpus)).exit_code == 0
    index = output / "index.sqlite"
    before = index.read_bytes()
    (corpus / "two.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    outcome = run_pipeline(on(output, corpus))
    assert (outcome.exit_code, failure_of(outcome).stage) == (1, "extract")
    assert index.read_bytes() == before
    (corpus / "two.pdf").unlink()
    assert run_pipeline(on(output, corpus)).exit_code == 0
    assert {it.name for it in output.iterdir()} == {"index.sqlite", "passages"}
