"""The history: how many finished runs a namespace holds."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pipelinerun.controller.runs import Run, RunKey
from pipelinerun.core.timestamps import parse_time


@dataclass(frozen=True)
class HistoryLimits:
    """How many finished runs stay in each namespace; None for all.

    Attributes:
        succeeded: of those that succeeded.
        failed: of those that failed or were cancelled.
    """

    succeeded: int | None = None
    failed: int | None = None

    def of(self, run: Run) -> int | None:
        """The limit that a finished run falls under."""
        return self.succeeded if run.status.phase == "Succeeded" else self.failed


_Shelf = tuple[str, bool]
"""Namespace, and whether its runs succeeded."""
_Entry = tuple[datetime, RunKey]
"""When a run was completed, and which."""


class History:
    """Finished runs by age. The oldest beyond the limit are surplus, whichever were seen first.

    What was not seen yet can only make more of them surplus: a part of a listing never lets one go
    that the whole would keep.
    """

    def __init__(self, limits: HistoryLimits, announce: Callable[[RunKey], None]) -> None:
        """Hold nothing yet.

        Args:
            limits: of each namespace.
            announce: told the key of a run that another one has made surplus.
        """
        self._limits, self._announce = limits, announce
        self._shelves: defaultdict[_Shelf, list[_Entry]] = defaultdict(list)
        self._entries: dict[RunKey, tuple[_Shelf, _Entry, int]] = {}

    def put(self, run: Run) -> None:
        """Take in a run as it is now."""
        self.remove(run.key)
        limit = self._limits.of(run) if run.finished and not run.keep else None
        if limit is None:
            return
        completed = run.status.completion_time
        entry = parse_time(completed) if completed else run.created, run.key
        shelf = run.namespace, run.status.phase == "Succeeded"
        entries = self._shelves[shelf]
        insort(entries, entry)
        self._entries[run.key] = shelf, entry, limit
        if len(entries) > limit:
            self._announce(entries[len(entries) - limit - 1][1])

    def remove(self, key: RunKey) -> None:
        """Forget a run."""
        if key not in self._entries:
            return
        shelf, entry, _ = self._entries.pop(key)
        entries = self._shelves[shelf]
        del entries[bisect_left(entries, entry)]
        if not entries:
            del self._shelves[shelf]

    def surplus(self, key: RunKey) -> bool:
        """Whether a run is one of the oldest beyond the limit."""
        if key not in self._entries:
            return False
        shelf, entry, limit = self._entries[key]
        entries = self._shelves[shelf]
        return bisect_left(entries, entry) < len(entries) - limit
