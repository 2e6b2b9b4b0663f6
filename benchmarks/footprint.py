"""How much memory processes take."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

_PAUSE = 0.5


@contextmanager
def footprint() -> Iterator[list[float]]:
    """The most memory that this process and its children have had together, in bytes.

    What they share, such as Ray's object store, counts once.
    """
    peak, ended = [0.0], threading.Event()

    def look() -> None:
        while not ended.wait(_PAUSE):
            peak[0] = max(peak[0], _now())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def _now() -> float:
    total = 0.0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        with suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total
