"""Priorities: what goes first when not all can be done at once."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum
from typing import Generic, TypeVar

from pipelinerun.api.status import EXECUTED_PHASES
from pipelinerun.controller.runs import Run

Item = TypeVar("Item")


class Priority(IntEnum):
    """How urgent something is; its value is its share when there is more of everything."""

    UPKEEP = 1
    """Deleting finished runs, and Events."""
    START = 4
    """Starting what waits."""
    WORK = 16
    """What is under way: its status, its end, what is left of it."""


_current: ContextVar[Priority] = ContextVar("priority", default=Priority.WORK)


def current_priority() -> Priority:
    """The priority of requests that are made here."""
    return _current.get()


@contextmanager
def at(priority: Priority) -> Iterator[None]:
    """Make requests at a priority."""
    token = _current.set(priority)
    try:
        yield
    finally:
        _current.reset(token)


def priority_of(run: Run | None) -> Priority:
    """How urgent it is to look at a run; one that is gone may have left something behind."""
    if run is None or run.status.phase in EXECUTED_PHASES:
        return Priority.WORK
    return Priority.UPKEEP if run.finished else Priority.START


class FairQueue(Generic[Item]):
    """The more urgent first, but nobody starves: stride scheduling over the priorities.

    While items of several priorities wait, each priority gets its share, and a share that was not
    used is not saved up.
    """

    def __init__(self) -> None:
        self._waiting: dict[Priority, deque[Item]] = {it: deque() for it in Priority}
        self._turn: dict[Priority, float] = dict.fromkeys(Priority, 0.0)
        self._now = 0.0

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._waiting.values())

    def put(self, item: Item, priority: Priority) -> None:
        """Add an item behind those of its priority."""
        if not len(self):
            self._turn, self._now = dict.fromkeys(Priority, 0.0), 0.0
        elif not self._waiting[priority]:
            self._turn[priority] = max(self._turn[priority], self._now)
        self._waiting[priority].append(item)

    def get(self) -> Item:
        """Take the item whose turn it is.

        Raises:
            IndexError: there is none.
        """
        waiting = [it for it in Priority if self._waiting[it]]
        if not waiting:
            raise IndexError("nothing waits")
        first = min(waiting, key=lambda it: (self._turn[it], -it))
        self._now = self._turn[first]
        self._turn[first] += 1 / first
        return self._waiting[first].popleft()
