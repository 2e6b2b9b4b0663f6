"""A pump: runs a source in a thread of its own, since its next row may be long in coming.

The task takes out what is there: a row that is alone at once, and rows that come fast many at a
time.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextvars import copy_context
from types import TracebackType
from typing import Any, Self

from pipelinerun.engine.rows import RowBuffer, is_batch, length_of

LINGER = 0.002
"""Seconds that a row waits for others to go with it, if others came with the one before."""
PAUSES = 0.001, 0.02
"""Seconds between two questions whether there is room: at first, and after a while."""
PATIENCE = 2.0
"""Seconds that a source gets to return when nobody takes its rows any more."""

_END = object()


class Pump:
    """Pumps rows and batches for the length of a ``with`` block; no more than fill two batches."""

    def __init__(
        self,
        results: Callable[[], Iterable[Any]],
        ended: Callable[[], bool],
        room: Callable[[int], int] | None = None,
    ) -> None:
        """Prepare a pump.

        Args:
            results: gives what the source yields; called in the pump's thread, as all of its code.
            ended: whether the source is to end; asked before each row. Then it is closed, so that
                it can tidy up.
            room: how many more rows may be pumped after so many; asked when the next one is there.
                As many as come where it is left out.
        """
        self._results = results
        self._ended = ended
        self._room = room
        self._pumped = self._allowed = 0
        self._changed = threading.Condition()
        self._waiting: deque[Any] = deque()
        self._due = 0.0
        self._linger = 0.0
        self._error: BaseException | None = None
        self._done = self._abandoned = False
        run = copy_context().run
        self._thread = threading.Thread(target=run, args=(self._run,), name="source", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            threading.Thread(target=_end_process, args=(self._thread,), daemon=True).start()

    def batches(self, tick: float) -> Iterator[Any]:
        """What the source yields: tables as they are, and rows gathered in a ``RowBuffer``.

        None when nothing has come for ``tick`` seconds. Raises what the source has raised.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._done, tick)
                left = self._due - time.monotonic()
                self._changed.wait_for(lambda: not self._open or self._done, left)
                if not self._waiting and self._done:
                    break
                taken = self._waiting.popleft() if self._waiting else None
                self._linger = LINGER if isinstance(taken, RowBuffer) and len(taken) > 1 else 0.0
                self._changed.notify_all()
            yield taken
        if self._error is not None:
            raise self._error

    @property
    def _open(self) -> bool:
        """Whether what waits may take more rows yet."""
        first = self._waiting[0] if len(self._waiting) == 1 else None
        return isinstance(first, RowBuffer) and not first.full

    def _run(self) -> None:
        try:
            iterator = iter(self._results())
            while not self._to_end() and (result := next(iterator, _END)) is not _END:
                self._put(result)
            if isinstance(iterator, Generator):
                iterator.close()
        except BaseException as error:  # noqa: BLE001 - the task raises it
            self._error = error
        with self._changed:
            self._done = True
            self._changed.notify_all()

    def _to_end(self) -> bool:
        return self._abandoned or self._ended()

    def _put(self, result: Any) -> None:
        if self._room is not None:
            self._await(self._room)
            self._pumped += length_of(result) if is_batch(result) else 1
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or self._open or self._abandoned)
            if is_batch(result):
                self._waiting.append(result)
            elif self._waiting:
                self._waiting[0].add(result)
            else:
                buffer = RowBuffer()
                buffer.add(result)
                self._waiting.append(buffer)
                self._due = time.monotonic() + self._linger
                self._changed.notify_all()
            if not self._open:
                self._changed.notify_all()

    def _await(self, room: Callable[[int], int]) -> None:
        """Wait until there is room for the next row; also when drained, for it has been taken."""
        pause, longest = PAUSES
        while self._pumped >= self._allowed and not self._abandoned:
            self._allowed = self._pumped + room(self._pumped)
            if self._pumped >= self._allowed:
                time.sleep(pause)
                pause = min(2 * pause, longest)


def _end_process(thread: threading.Thread) -> None:
    """End the process of a source that nothing interrupts: the process may serve others next.

    Its task has told by then how it ended.
    """
    thread.join(PATIENCE)
    if thread.is_alive():
        os._exit(1)
