"""Places for in-process runs: who has one, and who is next."""

from datetime import datetime

from pipelinerun.controller.runs import RunKey


class Places:
    """A fixed number of places, given out in the order in which runs were created."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._taken: set[RunKey] = set()
        self._waiting: dict[RunKey, datetime] = {}

    @property
    def free(self) -> int:
        """Places that nobody has."""
        return max(0, self.capacity - len(self._taken))

    def offer(self, key: RunKey, created: datetime) -> bool:
        """Whether a run may start now; if not, it is remembered as waiting."""
        if key in self._taken:
            return True
        self._waiting[key] = created
        return key in self.next()

    def take(self, key: RunKey) -> None:
        """Give a place to a run, also beyond the capacity: adopted runs have theirs already."""
        self._waiting.pop(key, None)
        self._taken.add(key)

    def leave(self, key: RunKey) -> bool:
        """Give a place back, or stop waiting for one; returns whether a place became free."""
        self._waiting.pop(key, None)
        had = key in self._taken
        self._taken.discard(key)
        return had

    def next(self) -> list[RunKey]:
        """The waiting runs that there are places for, oldest first."""
        return sorted(self._waiting, key=lambda key: (self._waiting[key], key))[: self.free]
