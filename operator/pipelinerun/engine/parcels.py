"""Parcels: blocks on their way through a line of stages, each addressed to some of them.

A block of parcels is a table. Each row of it is one parcel: the names of the stages that still have
to take it, and a block as an Arrow IPC stream. It is opened without copying, and passed on without
being opened; blocks of different columns never mix.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import pyarrow as pa
from ray.data.block import BlockAccessor

from pipelinerun.engine.rows import cut

_TO, _BLOCK = "to", "block"
_SCHEMA = pa.schema({_TO: pa.list_(pa.string()), _BLOCK: pa.large_binary()})


def packed(block: Any, to: Sequence[str]) -> pa.Table:
    """A block as a parcel."""
    table = BlockAccessor.for_block(block).to_arrow()
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    content = stream.getvalue()
    offsets = pa.array([0, content.size], pa.int64()).buffers()[1]
    binary = pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, content])
    return pa.table([pa.array([[*to]], _SCHEMA.field(_TO).type), binary], _SCHEMA)


def sorted_out(parcels: Any, stage: str) -> tuple[list[pa.Table], pa.Table | None]:
    """The blocks that are addressed to a stage, and what it has to pass on to others."""
    mine: list[pa.Table] = []
    addresses: list[list[str]] = []
    passed: list[pa.Array] = []
    addressed = parcels[_TO].to_pylist() if len(parcels) else []
    for index, to in enumerate(addressed):
        others = [name for name in to if name != stage]
        if len(others) < len(to):
            mine.append(_opened(parcels[_BLOCK][index]))
        if others:
            addresses.append(others)
            passed += parcels[_BLOCK].slice(index, 1).chunks
    if not addresses:
        return mine, None
    columns = [pa.array(addresses, _SCHEMA.field(_TO).type), pa.chunked_array(passed)]
    return mine, pa.table(columns, _SCHEMA)


def batches_of(blocks: Iterable[pa.Table], size: int, batch_format: str) -> Iterator[Any]:
    """Batches of a number of rows; a smaller one where blocks end, or have other columns."""
    for _, alike in groupby(blocks, key=lambda block: block.schema):
        yield from cut(pa.concat_tables(alike), size, batch_format)


def _opened(content: pa.LargeBinaryScalar) -> pa.Table:
    with pa.ipc.open_stream(content.as_buffer()) as reader:
        return reader.read_all()
