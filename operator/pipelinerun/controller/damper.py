"""What is repeated for hours is told less and less often. Pure: the clock is an argument."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

FORGOTTEN_AFTER = 3600.0
"""Seconds without a repetition after which it counts as new."""
KEPT = 1000


@dataclass
class _Told:
    times: int
    last: float


class Damper:
    """Counts repetitions: the first, second, fourth, eighth and so on are to be told.

    It remembers the ``KEPT`` that came last.
    """

    def __init__(self) -> None:
        self._told: OrderedDict[Hashable, _Told] = OrderedDict()

    def admitted(self, key: Hashable, now: float) -> int:
        """How often it has come by now, if it is to be told; else 0."""
        told = self._told.pop(key, None)
        if told is None or now - told.last > FORGOTTEN_AFTER:
            told = _Told(0, now)
        told.times, told.last = told.times + 1, now
        self._told[key] = told
        if len(self._told) > KEPT:
            self._told.popitem(last=False)
        return told.times if told.times.bit_count() == 1 else 0
