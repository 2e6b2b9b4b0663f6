"""Stages of the document example: pages become passages with vectors, and an index finds them."""

import re
import sqlite3
from contextlib import closing
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import wordllama
from pypdf import PdfReader
from usearch.index import Index

DIMENSIONS = 256
COLUMNS = ("document", "page", "text")
SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+")


def extract(row):
    """One row per page. A text is a single page."""
    document = Path(row["path"]).name
    pages = pdf_pages if document.endswith(".pdf") else text_pages
    for number, text in enumerate(pages(row["bytes"]), start=1):
        yield {"document": document, "page": number, "text": " ".join(text.split())}


def pdf_pages(content):
    return (page.extract_text() for page in PdfReader(BytesIO(content)).pages)


def text_pages(content):
    return [content.decode("utf-8", errors="replace")]


def split(row, words):
    """One row per passage: whole sentences, so many words or a few more."""
    passage = []
    for sentence in SENTENCE_ENDS.split(row["text"]):
        passage += sentence.split()
        if len(passage) >= words:
            yield {**row, "text": " ".join(passage)}
            passage = []
    if passage:
        yield {**row, "text": " ".join(passage)}


def load_model():
    """The model is part of its package: nothing is downloaded."""
    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(dim=DIMENSIONS, cache_dir=folder, disable_download=True)


class Embed:
    """A stage with state: each replica loads the model once."""

    def __init__(self):
        self.model = load_model()

    def __call__(self, passages):
        vectors = self.model.embed(passages["text"].to_pylist(), norm=True)
        values = pa.array(vectors.ravel(), pa.float32())
        column = pa.FixedSizeListArray.from_arrays(values, DIMENSIONS)
        return passages.append_column("vector", column)


def index(dataset, path):
    """A sink: one file that holds the passages and the index of their vectors.

    Many replicas embed, one writer adds. The file takes the place of the one before when it is
    complete: an attempt that dies leaves that one as it was, and one that is repeated does no harm.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=".index-") as folder:
        draft = Path(folder, path.name)
        with closing(sqlite3.connect(draft)) as file, file:
            write(file, dataset.iter_batches(batch_size=4096, batch_format="pyarrow"))
        draft.replace(path)


def write(file, batches):
    vectors = Index(ndim=DIMENSIONS, metric="cos", dtype="f16")
    file.execute("CREATE TABLE passages (key INTEGER PRIMARY KEY, document, page, text)")
    file.execute("CREATE TABLE vectors (usearch BLOB)")
    for batch in batches:
        keys = np.arange(len(vectors), len(vectors) + len(batch))
        rows = zip(keys.tolist(), *(batch[it].to_pylist() for it in COLUMNS), strict=True)
        file.executemany("INSERT INTO passages VALUES (?, ?, ?, ?)", rows)
        values = batch["vector"].combine_chunks().flatten().to_numpy()
        vectors.add(keys, values.reshape(-1, DIMENSIONS))
    file.execute("INSERT INTO vectors VALUES (?)", [bytes(vectors.save())])
