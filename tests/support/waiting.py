"""Waiting for something to become true."""

import time
from collections.abc import Callable

_POLL = 0.05


def wait_for(condition: Callable[[], bool], timeout: float = 120.0, *, poll: float = _POLL) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it does not within ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not true after {timeout:.0f} s")
        time.sleep(poll)
