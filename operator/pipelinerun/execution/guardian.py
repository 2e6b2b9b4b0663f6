"""The guardian of a workspace: once its owner is gone, nothing of it stays behind.

Runs as a script, in a session of its own, with the standard library alone: it must be cheap, and
neither the kill of a process group nor Ctrl-C may reach it. See ``workspace``.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

VARIABLE = "PIPELINERUN_WORKSPACE"
"""Environment variable by which the processes of a workspace are recognised: its directory."""
DONE = b"done"
"""Sent by an owner that closes its workspace in order."""

_CHECK_SECONDS = 1.0
_SWEEP_SECONDS = 10.0
_PAUSE = 0.05


class _Process(NamedTuple):
    pid: int
    session: int
    marks: list[bytes]
    """Where the workspace may show: the environment; on macOS the words of the command too."""


def main() -> None:
    directory, owner = sys.argv[1], int(sys.argv[2])
    for signum in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    session = wait_for_end(sys.stdin.fileno(), owner)
    sweep(directory, session, spared={os.getpid(), owner})


def wait_for_end(pipe: int, owner: int) -> int:
    """Wait until the owner closes the workspace or is gone.

    A copy of the owner made by fork may hold the pipe open, so the parent's pid is looked at too.

    Returns:
        The session that goes with the workspace, 0 for none: the last number in the pipe.
    """
    session = 0
    while True:
        readable, _, _ = select.select([pipe], [], [], _CHECK_SECONDS)
        if readable:
            for word in os.read(pipe, 4096).split() or [DONE]:
                if word == DONE:
                    return session
                session = int(word)
        elif os.getppid() != owner:
            return session


def sweep(directory: str, session: int, spared: set[int]) -> None:
    """Kill the processes of a workspace, those that they start meanwhile too; remove its files."""
    deadline = time.monotonic() + _SWEEP_SECONDS
    while (pids := _members(directory, session) - spared) and time.monotonic() < deadline:
        for pid in pids:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE)
    shutil.rmtree(directory, ignore_errors=True)


def _members(directory: str, session: int) -> set[int]:
    """Living processes that carry the mark or belong to the session.

    Ray puts its workers into groups of their own, so a process group is not enough.
    """
    mark = f"{VARIABLE}={directory}".encode()
    processes = _from_proc() if sys.platform == "linux" else _from_ps(directory)
    return {it.pid for it in processes if mark in it.marks or (session and it.session == session)}


def _from_proc() -> Iterator[_Process]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):  # ended meanwhile, or somebody else's
            # The name, in parentheses, may itself hold blanks and parentheses.
            state, _, _, session = (entry / "stat").read_bytes().rpartition(b")")[2].split()[:4]
            if state not in (b"Z", b"X"):
                yield _Process(int(entry.name), int(session), _environment(entry))


def _environment(entry: Path) -> list[bytes]:
    try:
        return (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _from_ps(directory: str) -> Iterator[_Process]:
    """On macOS: ``ps`` appends the environment to the command where it may see it."""
    command = ["/bin/ps", "-axww", "-E", "-o", "pid=", "-o", "stat=", "-o", "command="]
    listing = subprocess.run(command, capture_output=True, check=False).stdout
    return parse_listing(listing, directory)


def parse_listing(listing: bytes, directory: str) -> Iterator[_Process]:
    """Living processes of a listing with the columns pid, state and command with environment.

    Ray's own processes name a directory below the workspace in their arguments, which is as good
    as the mark where the environment cannot be seen.
    """
    mark, below = f"{VARIABLE}={directory}".encode(), f"{directory}/session_".encode()
    for line in listing.splitlines():
        pid, state, *words = line.split()
        if state.startswith(b"Z"):
            continue
        with suppress(OSError):  # ended meanwhile
            session = os.getsid(int(pid))
            yield _Process(int(pid), session, [*words, mark] if below in line else words)


if __name__ == "__main__":
    main()
