"""Rows and batches: what goes into a stage's code and what comes out of it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
from ray.data.block import BlockAccessor

Row = Mapping[str, Any]

CHUNK_ROWS = 1024
CHUNK_BYTES = 8 * 1024 * 1024
_SMALL = 16
"""Bytes that a value counts as whose size is not known."""


def rows_of(block: Any) -> Iterator[dict[str, Any]]:
    """The rows of a block, as Ray Data's own ``map`` gives them."""
    for row in BlockAccessor.for_block(block).iter_rows(public_row_format=True):
        yield dict(row)


def cut(block: Any, size: int, batch_format: str) -> Iterator[Any]:
    """A block in batches of at most so many rows, as Ray Data's own ``map_batches`` gives them."""
    whole = BlockAccessor.for_block(block)
    for start in range(0, whole.num_rows(), size):
        part = whole.slice(start, min(start + size, whole.num_rows()), copy=False)
        yield BlockAccessor.for_block(part).to_batch_format(batch_format)


A_ROW = "a row is a dict"
A_BATCH = "a batch is a dict, DataFrame or Table"


def results_of(result: Any, expected: str = A_ROW) -> Iterable[Any]:
    """The rows or batches that a call returned: none, one, or as many as it yields.

    A dict, DataFrame or Table is one.

    Raises:
        TypeError: it is something else, and not what is ``expected``.
    """
    if result is None:
        return ()
    if isinstance(result, Mapping | pd.DataFrame | pa.Table):
        return (result,)
    if isinstance(result, list | tuple | Iterator):
        return result
    raise TypeError(f"returned {type(result).__name__}; {expected}")


class RowBuffer:
    """Gathers rows into batches that neither hold much nor are many."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._weight = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def full(self) -> bool:
        """Whether it is time to take the rows out."""
        return len(self._rows) >= CHUNK_ROWS or self._weight >= CHUNK_BYTES

    def add(self, row: Any) -> None:
        """Add a row.

        Raises:
            TypeError: it is not a dict.
        """
        if not isinstance(row, Mapping):
            raise TypeError(f"yielded {type(row).__name__}; {A_ROW}")
        self._rows.append(row)
        self._weight += sum(map(_weight, row.values()))

    def take(self) -> dict[str, list[Any]]:
        """Take all rows out, as a batch. A row without a column that others have has None there."""
        names = dict.fromkeys(name for row in self._rows for name in row)
        batch = {name: [row.get(name) for row in self._rows] for name in names}
        self._rows, self._weight = [], 0
        return batch


def is_batch(item: Any) -> bool:
    """Whether something that a source yields is many rows. A dict is always one."""
    return isinstance(item, pd.DataFrame | pa.Table)


def block_of(batch: Any) -> Any:
    """A batch as Ray Data stores it.

    Raises:
        TypeError: it holds something that cannot be stored.
    """
    try:
        return BlockAccessor.batch_to_block(batch)
    except Exception as error:  # noqa: BLE001 - of several libraries, each with errors of its own
        reason = str(error.__context__ or error).partition("\n")[0]
        raise TypeError(f"returned what cannot be stored: {reason}") from None


def length_of(batch: Any) -> int:
    """Rows of a batch in any of its formats."""
    if isinstance(batch, Mapping):
        return len(next(iter(batch.values()), ()))
    if isinstance(batch, pa.Table):
        return int(batch.num_rows)
    if isinstance(batch, pd.DataFrame):
        return len(batch)
    raise TypeError(f"returned {type(batch).__name__}; {A_BATCH}")


def _weight(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    return int(getattr(value, "nbytes", _SMALL))
