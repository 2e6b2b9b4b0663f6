"""The work queue: keys to reconcile, each at most once at a time."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from pipelinerun.controller.backoff import doubled
from pipelinerun.controller.priorities import FairQueue, Priority

Key = TypeVar("Key", bound=Hashable)

FIRST_DELAY = 0.05
"""Seconds before a failed key is tried again; doubled with each failure."""
LONGEST_DELAY = 30.0


class WorkQueue(Generic[Key]):
    """A queue of keys with the semantics of client-go's: de-duplicated, delayed, backed off.

    The more urgent come first, but nobody starves.

    A key that is added while it is worked on is worked on once more afterwards, never twice at
    once. All methods belong to one event loop.
    """

    def __init__(self, priority: Callable[[Key], Priority] = lambda _: Priority.WORK) -> None:
        """Make an empty queue.

        Args:
            priority: how urgent a key is that is added.
        """
        self._priority = priority
        self._ready: FairQueue[Key] = FairQueue()
        self._filled = asyncio.Semaphore(0)
        self._waiting: set[Key] = set()
        self._active: dict[Key, float] = {}
        self._progress = 0.0
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, key: Key) -> None:
        """Have a key worked on as soon as possible."""
        if key in self._active:
            self._again.add(key)
        elif key not in self._waiting:
            if not self._waiting:
                self._progress = _now()
            self._waiting.add(key)
            self._ready.put(key, self._priority(key))
            self._filled.release()

    def add_after(self, key: Key, delay: float) -> None:
        """Have a key worked on after ``delay`` seconds; an earlier timer of the key stands."""
        loop = asyncio.get_running_loop()
        due = loop.time() + delay
        timer = self._timers.get(key)
        if timer is not None and timer.when() <= due:
            return
        if timer is not None:
            timer.cancel()
        self._timers[key] = loop.call_at(due, self._fire, key)

    def add_failed(self, key: Key, longest: float = LONGEST_DELAY) -> float:
        """Have a key worked on again after its back-off, in the seconds returned."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = doubled(FIRST_DELAY, failures, longest)
        self.add_after(key, delay)
        return delay

    def succeeded(self, key: Key) -> None:
        """Forget a key's failures."""
        self._failures.pop(key, None)

    def forget(self, key: Key) -> None:
        """Have a key that is gone not worked on later."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    async def get(self) -> Key:
        """Wait for the next key; ``done`` must follow."""
        await self._filled.acquire()
        key = self._ready.get()
        self._waiting.discard(key)
        self._active[key] = self._progress = _now()
        return key

    def done(self, key: Key) -> None:
        """Say that the work on a key is over."""
        del self._active[key]
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def stalled_for(self) -> float:
        """Seconds for which one key is worked on, or for which none of those waiting was taken."""
        since = list(self._active.values())
        if self._waiting:
            since.append(self._progress)
        return _now() - min(since) if since else 0.0

    def _fire(self, key: Key) -> None:
        del self._timers[key]
        self.add(key)


def _now() -> float:
    return asyncio.get_running_loop().time()
