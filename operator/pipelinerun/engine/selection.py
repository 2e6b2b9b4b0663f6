"""Selection: the rows that a stage acts on. The others pass by."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ray.data.block import BlockAccessor

from pipelinerun.api.stage import Stage
from pipelinerun.api.tasks import fits
from pipelinerun.engine.rows import A_BATCH, block_of, results_of, rows_of

TASKS = "tasks"
"""Column with what is to be done with a row: names, or objects with a name as their ``type``, and
``properties``."""

Call = Callable[..., Any]


class Selection:
    """Selects rows by their tasks."""

    def __init__(self, stage: Stage) -> None:
        self._names = stage.task_filters or ()
        self._matches = stage.task_matches or ()

    def per_row(self, call: Call) -> Call:
        """A call for selected rows; others are returned as they are."""
        return lambda row: call(row) if self.selects(row.get(TASKS)) else row

    def per_batch(self, call: Call, batch_format: str) -> Call:
        """A call for the selected rows of a batch, if any; the others are another batch."""

        def selective(batch: Any) -> Iterable[Any]:
            block = BlockAccessor.for_block(block_of(batch))
            chosen = [self.selects(row.get(TASKS)) for row in rows_of(block_of(batch))]
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

    def selects(self, tasks: Any) -> bool:
        """Whether the stage acts on a row with these tasks."""
        return any(map(self._wanted, _listed(tasks)))

    def _wanted(self, task: Any) -> bool:
        given = task if isinstance(task, Mapping) else {"type": task}
        name, properties = given.get("type"), given.get("properties")
        return name in self._names or any(
            match.task == name and fits(_plain(properties) or {}, match.properties)
            for match in self._matches
        )


def _listed(tasks: Any) -> Iterable[Any]:
    if tasks is None:
        return ()
    return (tasks,) if isinstance(tasks, str | Mapping) else tasks


def _plain(value: Any) -> Any:
    """Arrays as lists, in whatever they are."""
    match value:
        case Mapping():
            return {key: _plain(it) for key, it in value.items()}
        case list() | tuple():
            return [*map(_plain, value)]
    tolist = getattr(value, "tolist", None)
    return _plain(tolist()) if callable(tolist) else value
