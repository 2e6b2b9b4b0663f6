"""The stream that is measured, written once for both sides: source, stage, stage, sink."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]


def fast(count: int, size: int) -> Iterator[Row]:
    """So many messages of so many bytes, as fast as they are taken."""
    for number in range(count):
        yield {"number": number, "sent": time.time(), "body": _body(size)}


def slow(rate: float, stop: str) -> Iterator[Row]:
    """So many messages a second until there is the file ``stop``, which then holds their number."""
    number = 0
    try:
        while not os.path.exists(stop):  # noqa: PTH110 - a tenth of the time
            number += 1
            yield {"number": number, "sent": time.time(), "body": _body(1000)}
            time.sleep(1 / rate)
    finally:
        Path(stop).write_text(str(number))


def _body(size: int) -> Any:
    return np.zeros(size, dtype=np.uint8) if size > 10_000 else "x" * size


def first(row: Row) -> Row:
    """A stage without state."""
    return {**row, "first": True}


def second(row: Row) -> Row:
    """A stage without state."""
    return {**row, "second": True}


class Second:
    """The same as a class."""

    def __call__(self, row: Row) -> Row:
        """A message."""
        return second(row)


def sink(row: Row, file: str) -> None:
    """Write down when each message arrived, and how long it took."""
    now = time.time()
    line = f"{row['number']} {now:.6f} {now - row['sent']:.6f}\n".encode()
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line)
    os.close(descriptor)
