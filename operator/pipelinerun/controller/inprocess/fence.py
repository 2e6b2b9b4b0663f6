"""The fence of a gateway: what it runs ends before another operator may run the same."""

import math
import threading
from collections.abc import Callable

from pipelinerun.controller import clock

_LONGEST_WAIT = 0.5


class Fence:
    """Calls ``end`` unless it is told in time, again and again, that its operator still leads.

    It has a thread of its own: neither a busy event loop nor a Ray that hangs delays it. Before
    anything runs it ends nothing: while Ray starts, the whole process may stand still for seconds.
    """

    def __init__(self, end: Callable[[], object]) -> None:
        """Without a limit at first: nobody has asked for one."""
        self._end = end
        self._until = math.inf
        self._guards = False
        self._changed = threading.Condition()
        threading.Thread(target=self._watch, name="fence", daemon=True).start()

    def extend(self, until: float | None) -> None:
        """Go on until a time by ``clock.now``; None for ever."""
        with self._changed:
            self._until = math.inf if until is None else until
            self._changed.notify()

    def guard(self) -> None:
        """Something may run from now on."""
        with self._changed:
            self._guards = True
            self._changed.notify()

    def _left(self) -> float:
        return self._until - clock.now() if self._guards else math.inf

    def _watch(self) -> None:
        with self._changed:
            while (left := self._left()) > 0:
                # In small steps: the wait's own clock stands still while the machine sleeps.
                self._changed.wait(None if left == math.inf else min(left, _LONGEST_WAIT))
        self._end()
