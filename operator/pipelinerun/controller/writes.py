"""How many writes to the API server each run takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from pipelinerun.api.metrics import RUN_API_WRITES
from pipelinerun.controller.metrics import Meters
from pipelinerun.controller.runs import Run, RunKey


@dataclass
class Spent:
    """Writes that were made in a block."""

    writes: int = 0


_current: ContextVar[Spent | None] = ContextVar("spent", default=None)


@contextmanager
def spending() -> Iterator[Spent]:
    """Count the writes that are made in a block."""
    spent = Spent()
    token = _current.set(spent)
    try:
        yield spent
    finally:
        _current.reset(token)


def note_write() -> None:
    """A write is made."""
    spent = _current.get()
    if spent is not None:
        spent.writes += 1


class WritesOfRuns:
    """Adds up the writes of each run that is seen from its beginning, until its end."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._sums: dict[RunKey, tuple[str, int]] = {}

    def add(self, before: Run, after: Run, writes: int) -> None:
        """A run was carried on from one state to another."""
        uid, known = self._sums.get(before.key, ("", 0))
        if uid != before.uid:
            if before.status.phase is not None:
                return  # what came before was not seen
            known = 0
        self._sums[before.key] = before.uid, known + writes
        if after.finished:
            self.forget(before.key)
            self._meters.add(RUN_API_WRITES, before.mode, value=known + writes)

    def forget(self, key: RunKey) -> None:
        """A run is gone, or somebody else's."""
        self._sums.pop(key, None)
