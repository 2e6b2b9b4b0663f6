"""Reaping as process 1 of a container: processes that lost their parents become its children."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_awaited: set[int] = set()
_lock = threading.Lock()


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """``Popen``, for a process whose end this process waits for itself: it is not reaped here."""
    with _lock:
        process = subprocess.Popen(command, **options)
        _awaited.add(process.pid)
    return process


def forget(pid: int) -> None:
    """The end of a process has been waited for; its number may be somebody else's from now on."""
    with _lock:
        _awaited.discard(pid)


def reap_for_ever(interval: float) -> None:
    """Reap strangers every ``interval`` seconds, in a thread, if this is process 1."""
    if os.getpid() != 1 or sys.platform != "linux":
        return
    pause = threading.Event()

    def work() -> None:
        while not pause.wait(interval):
            reap()

    threading.Thread(target=work, name="reaper", daemon=True).start()


def reap() -> list[int]:
    """Reap the children that have ended and that nobody here waits for; returns their pids."""
    with _lock:
        strangers = [pid for pid in zombies_of(os.getpid()) if pid not in _awaited]
        for pid in strangers:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
    return strangers


def zombies_of(parent: int, proc: Path = Path("/proc")) -> Iterator[int]:
    """Children of a process that have ended and were not waited for."""
    for entry in proc.glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):  # gone meanwhile
            # The name, in parentheses, may hold anything.
            state, father = entry.read_text().rpartition(")")[2].split()[:2]
            if state == "Z" and int(father) == parent:
                yield int(entry.parent.name)
