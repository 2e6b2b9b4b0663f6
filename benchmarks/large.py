"""Large rows for pipelines that are measured by what memory they take."""

import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

Row = dict[str, Any]
PIECES = 10


def rows(count: int, size: int) -> Iterator[Row]:
    """So many rows of so many bytes."""
    for number in range(count):
        yield {"number": number, "body": np.full(size, number % 256, dtype=np.uint8)}


def marked(row: Row) -> Row:
    """A function: one row in, one row out."""
    return {**row, "marked": True}


def pieces(row: Row) -> Iterator[Row]:
    """Many rows of the same size out of one."""
    for piece in range(PIECES):
        yield {**row, "number": row["number"] * PIECES + piece}


class Same:
    """A class: one row in, one row out."""

    def __call__(self, row: Row) -> Row:
        """A row."""
        return row


class Count:
    """A sink that writes down the numbers of rows; ``seconds`` is how long each takes it."""

    def __init__(self, file: str, seconds: float = 0.0) -> None:
        self._seconds = seconds
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def __call__(self, row: Row) -> None:
        """A row."""
        assert row["body"][-1] == row["body"][0]
        time.sleep(self._seconds)
        os.write(self._file, f"{row['number']}\n".encode())
