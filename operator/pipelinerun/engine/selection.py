"""Selection: the rows that a stage acts on. The others pass by."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ray.data.block import BlockAccessor

from pipelinerun.engine.rows import A_BATCH, block_of, results_of, rows_of

TASKS = "tasks"
"""Column with what is to be done with a row: names, or objects with a name as their ``type``."""

Call = Callable[..., Any]


def per_row(call: Call, filters: Collection[str]) -> Call:
    """A call for selected rows; others are returned as they are."""
    return lambda row: call(row) if _selects(filters, row.get(TASKS)) else row


def per_batch(call: Call, filters: Collection[str], batch_format: str) -> Call:
    """A call for the selected rows of a batch, if there are any; the others are another batch."""

    def selective(batch: Any) -> Iterable[Any]:
        block = BlockAccessor.for_block(block_of(batch))
        chosen = [_selects(filters, row.get(TASKS)) for row in rows_of(block_of(batch))]
        parts = {
            wanted: block.take([index for index, it in enumerate(chosen) if it is wanted])
            for wanted in {*chosen}
        }
        if True in parts:
            selected = BlockAccessor.for_block(parts[True]).to_batch_format(batch_format)
            yield from results_of(call(selected), A_BATCH)
        if False in parts:
            yield parts[False]

    return selective


def _selects(filters: Collection[str], tasks: Any) -> bool:
    if tasks is None or isinstance(tasks, str):
        return tasks in filters
    return any((it.get("type") if isinstance(it, Mapping) else it) in filters for it in tasks)
