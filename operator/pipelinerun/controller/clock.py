"""The clock by which a lease is kept."""

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Seconds by a clock that is never set, and the same in every process of a machine.

    On Linux it goes on while the machine sleeps.
    """
    return time.clock_gettime(_CLOCK)
