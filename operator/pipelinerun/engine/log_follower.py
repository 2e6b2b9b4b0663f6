"""Passing on what the processes of a Ray on this machine print: every line, before the run ends.

Ray has that too, but takes a hundred lines at a time, and forgets the rest when it ends.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import PIPE_BUF
from typing import BinaryIO, TextIO

INTERVAL = 0.1
_CHUNK = 1 << 20
_LONGEST_LINE = 1 << 16
_MARKS = (b":job_id:", b":actor_name:", b":task_name:")
"""Lines that Ray writes for itself."""


class LogFollower:
    """Copies the logs of Ray's workers to the standard output and the standard error."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._positions: dict[Path, int] = {}
        self._rests: dict[Path, bytes] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="output of stages", daemon=True)

    def start(self) -> None:
        """Copy from now on."""
        self._thread.start()

    def finish(self) -> None:
        """Copy what is left, beginnings of lines as well, and end."""
        self._ended.set()
        self._thread.join()
        self.catch_up()
        with self._lock:
            for log, rest in self._rests.items():
                _pass_on(rest, log)
            self._rests.clear()

    def catch_up(self) -> None:
        """Copy what has been printed so far."""
        with self._lock, suppress(FileNotFoundError):  # Ray, and its folder with it, may be gone
            for log in sorted(self._folder.glob("worker-*.out")) + sorted(
                self._folder.glob("worker-*.err")
            ):
                self._copy(log)

    def _follow(self) -> None:
        while not self._ended.wait(INTERVAL):
            self.catch_up()

    def _copy(self, log: Path) -> None:
        position = self._positions.get(log, 0)
        with suppress(OSError):
            if log.stat().st_size == position:
                return
            with log.open("rb", buffering=0) as file:
                file.seek(position)
                while chunk := file.read(_CHUNK):
                    position += len(chunk)
                    whole, rest = whole_lines(self._rests.get(log, b"") + chunk)
                    self._rests[log] = rest
                    if whole:
                        _pass_on(whole, log)
        self._positions[log] = position


def whole_lines(text: bytes) -> tuple[bytes, bytes]:
    """What can be passed on, without Ray's own lines, and the beginning of a line that waits.

    A line that is too long to wait for its end does not wait.
    """
    lines = text.splitlines(keepends=True)
    waits = bool(lines) and not lines[-1].endswith(b"\n") and len(lines[-1]) < _LONGEST_LINE
    rest = lines.pop() if waits else b""
    return b"".join(line for line in lines if not line.startswith(_MARKS)), rest


def pieces(text: bytes) -> Iterator[bytes]:
    """Lines, as many at a time as a pipe takes at once: others may write into it as well."""
    lines: list[bytes] = []
    size = 0
    for line in text.splitlines(keepends=True):
        if lines and size + len(line) > PIPE_BUF:
            yield b"".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield b"".join(lines)


_current: LogFollower | None = None


@contextmanager
def following(folder: Path) -> Iterator[None]:
    """Pass on what stages print while a block lasts. There is one Ray in a process at a time."""
    global _current  # noqa: PLW0603 - as there is one Ray
    follower = _current = LogFollower(folder)
    follower.start()
    try:
        yield
    finally:
        _current = None
        follower.finish()


def catch_up() -> None:
    """Pass on what stages have printed so far, if anything is to be passed on in this process."""
    if _current is not None:
        _current.catch_up()


def _pass_on(text: bytes, log: Path) -> None:
    target: TextIO = sys.stdout if log.suffix == ".out" else sys.stderr
    raw: BinaryIO | None = getattr(target, "buffer", None)
    # Nobody reads it any more: that is no reason to stop the pipeline.
    with suppress(OSError, ValueError):
        if raw is None:
            target.write(text.decode(errors="replace"))
            return
        target.flush()
        for piece in pieces(text):
            raw.write(piece)
            raw.flush()
