"""Somebody who sends messages while a stream runs."""

import threading
import time
from collections.abc import Callable
from typing import Self


class Sender:
    """Sends numbers until it is told to end, and counts them."""

    def __init__(self, send: Callable[[int], object], pause: float = 0.002) -> None:
        """Prepare. ``pause``: seconds between two numbers."""
        self.sent = 0
        self._send, self._pause = send, pause
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._send(self.sent)
            self.sent += 1
            time.sleep(self._pause)
