"""Progress: the state of all stages, told at a bounded rate."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipelinerun.api.status import StageStatus

ProgressCallback = Callable[[list[StageStatus]], None]

INTERVAL = 0.2
"""Seconds between two calls."""


@contextmanager
def reporting(
    snapshot: Callable[[], list[StageStatus]], callback: ProgressCallback | None
) -> Iterator[None]:
    """Call back with a snapshot now and then while the block runs."""
    if callback is None:
        yield
        return
    ended = threading.Event()

    def report() -> None:
        last: list[StageStatus] | None = None
        while not ended.wait(INTERVAL):
            current = snapshot()
            if current != last:
                callback(current)
                last = current

    thread = threading.Thread(target=report, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
