"""How long ago the statuses of runs were last compared with what is seen of them."""

import time

from pipelinerun.controller.cache import RunCache
from pipelinerun.controller.duty import Duty
from pipelinerun.controller.runs import RunKey


class Staleness:
    """Follows runs that are Running: those are looked at again and again."""

    def __init__(self, cache: RunCache, duty: Duty) -> None:
        self._cache, self._duty = cache, duty
        self._since: dict[RunKey, float] = {}

    def looked(self, key: RunKey) -> None:
        """A run was looked at, without an error."""
        if self._runs(key):
            self._since[key] = time.monotonic()
        else:
            self._since.pop(key, None)

    def failed(self, key: RunKey) -> None:
        """A run was looked at, and that failed."""
        if self._runs(key):
            self._since.setdefault(key, time.monotonic())

    def longest(self) -> float:
        """Seconds since that run was looked at which was not for the longest time."""
        now = time.monotonic()
        return max((now - it for it in self._since.values()), default=0.0)

    def _runs(self, key: RunKey) -> bool:
        run = self._cache.get(key)
        return self._duty.covers(key[0]) and run is not None and run.status.phase == "Running"
