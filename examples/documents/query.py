"""Ask the index of the document example: python query.py INDEX QUESTION..."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from textwrap import shorten

from ingest import load_model
from rich.console import Console
from rich.table import Table
from usearch.index import Index

ANSWERS = 3
SHOWN = 160
PASSAGE = "SELECT document, page, text FROM passages WHERE key = ?"


def search(index, questions):
    """The passages nearest to each question, as rows of document, page, text and similarity."""
    asked = load_model().embed(questions, norm=True)
    with closing(sqlite3.connect(f"{Path(index).absolute().as_uri()}?mode=ro", uri=True)) as file:
        (stored,) = file.execute("SELECT usearch FROM vectors").fetchone()
        vectors = Index.restore(stored)
        for vector in asked:
            yield [
                (*file.execute(PASSAGE, [int(it.key)]).fetchone(), 1 - float(it.distance))
                for it in vectors.search(vector, ANSWERS)
            ]


def table(question, answers):
    shown = Table("document", "page", "alike", "passage", title=question)
    for document, page, text, similarity in answers:
        shown.add_row(
            document, str(page), f"{similarity:.2f}", shorten(text, SHOWN, placeholder=" …")
        )
    return shown


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    index, *questions = sys.argv[1:]
    if not Path(index).exists():
        sys.exit(f"There is no {index}: run the pipeline first.")
    for question, answers in zip(questions, search(index, questions), strict=True):
        Console().print(table(question, answers))


if __name__ == "__main__":
    main()
