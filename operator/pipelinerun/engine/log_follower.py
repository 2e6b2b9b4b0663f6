"""Passing on what the processes of a Ray on this machine print: every line, before the run ends.

Ray has that too, but takes a hundred lines at a time, and forgets the rest when it ends.
"""

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import PIPE_BUF
from typing import BinaryIO, TextIO

from pipelinerun.api.limits import TAIL_LIMIT
from pipelinerun.engine.secrets import hidden

INTERVAL = 0.1
BYTES_OF_TAIL = 4 * TAIL_LIMIT
"""Enough for that many characters."""
_CHUNK = 1 << 20
_LONGEST_LINE = 1 << 16
_PUNCH_HOLE = 0x03
"""FALLOC_FL_KEEP_SIZE and FALLOC_FL_PUNCH_HOLE: what was written stays where it is."""
_MARKS = (b":job_id:", b":actor_name:", b":task_name:")
"""Lines that Ray writes for itself."""


class LogFollower:
    """Passes on what is written to files, in whole lines, while they grow."""

    def __init__(
        self,
        find: Callable[[], Iterable[Path]],
        pass_on: Callable[[bytes, Path], None],
        *,
        frees: bool = False,
    ) -> None:
        """Prepare a follower.

        Args:
            find: the files as they are now; called again and again.
            pass_on: called with whole lines, and the file that they are of.
            frees: give back the space of what was passed on, where the file system can.
        """
        self._find, self._pass_on, self._frees = find, pass_on, frees
        self._positions: dict[Path, int] = {}
        self._rests: dict[Path, bytes] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="output of stages", daemon=True)

    def start(self) -> None:
        """Follow from now on."""
        self._thread.start()

    def finish(self) -> None:
        """Pass on what is left, beginnings of lines as well, and end."""
        self._ended.set()
        self._thread.join()
        self.catch_up()
        self.let_go([*self._rests])

    def catch_up(self) -> None:
        """Pass on what has been written so far."""
        with self._lock, suppress(FileNotFoundError):  # Ray, and its folder with it, may be gone
            for file in self._find():
                self._copy(file)

    def let_go(self, files: Iterable[Path]) -> None:
        """Pass on the beginnings of lines as well."""
        with self._lock:
            for file in files:
                self._let_go(file)

    def close(self, files: Iterable[Path]) -> None:
        """Pass on what is left in some files that nobody writes to any more, and forget them."""
        with self._lock:
            for file in files:
                self._copy(file)
                self._let_go(file)
                self._positions.pop(file, None)

    def _follow(self) -> None:
        while not self._ended.wait(INTERVAL):
            self.catch_up()

    def _let_go(self, file: Path) -> None:
        rest = self._rests.pop(file, b"")
        if rest:
            self._pass_on(rest, file)

    def _copy(self, file: Path) -> None:
        position = self._positions.get(file, 0)
        with suppress(OSError):
            if file.stat().st_size == position:
                return
            with file.open("rb", buffering=0) as opened:
                opened.seek(position)
                while chunk := opened.read(_CHUNK):
                    position += len(chunk)
                    whole, rest = whole_lines(self._rests.get(file, b"") + chunk)
                    self._rests[file] = rest
                    if whole:
                        self._pass_on(whole, file)
                    if self._frees and len(chunk) == _CHUNK:
                        free(file, position - _CHUNK)
        self._positions[file] = position


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


def free(file: Path, length: int) -> None:
    """Give back the space of the beginning of a file, which becomes a hole. Only Linux can."""
    if sys.platform != "linux":
        return
    descriptor = os.open(file, os.O_RDWR)
    try:
        start, end = ctypes.c_int64(0), ctypes.c_int64(length)
        ctypes.CDLL(None).fallocate(descriptor, _PUNCH_HOLE, start, end)
    finally:
        os.close(descriptor)


def logs_of_workers(folder: Path) -> list[Path]:
    """The logs of Ray's processes in a folder of its logs: first all of what they print."""
    return [*sorted(folder.glob("worker-*.out")), *sorted(folder.glob("worker-*.err"))]


_current: LogFollower | None = None
_recent = b""


@contextmanager
def following(folder: Path, *, told_apart: bool = False) -> Iterator[None]:
    """Pass on what Ray's processes print while a block lasts. A process has one Ray at a time.

    ``told_apart``: what stages print goes elsewhere; the rest is no reason for a failure.
    """
    global _current  # noqa: PLW0603 - as there is one Ray
    global _recent  # noqa: PLW0603
    _recent = b""
    pass_on = _write if told_apart else _pass_on
    follower = _current = LogFollower(lambda: logs_of_workers(folder), pass_on)
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


def recent() -> str | None:
    """The end of what stages have printed, if anything was passed on in this process."""
    return end_of(_recent)


def end_of(text: bytes) -> str | None:
    """The last lines of an output, as far as a status has room for them and may show them."""
    lines = hidden(text.decode(errors="replace").rstrip())
    return lines[-TAIL_LIMIT:] or None


def _pass_on(text: bytes, log: Path) -> None:
    global _recent  # noqa: PLW0603
    _recent = (_recent + text)[-BYTES_OF_TAIL:]
    _write(text, log)


def _write(text: bytes, log: Path) -> None:
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
