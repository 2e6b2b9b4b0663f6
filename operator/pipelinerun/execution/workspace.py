"""A temporary directory that does not outlive its owner, nor do the processes that belong to it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from pipelinerun.execution import guardian, zombies

_CLOSE_SECONDS = 15.0


class Workspace:
    """A short directory under a guardian process.

    When the workspace is closed, or its owner (the process that made it) ends in any way, SIGKILL
    included, the guardian kills what belongs to the workspace and removes the directory.
    The path is short because Ray puts Unix sockets below it, whose paths have about 100 bytes.

    Attributes:
        path: the directory.
        environment: variables that make a process and all its descendants belong to the workspace.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="prun-", dir=_place()))
        self.environment: Mapping[str, str] = {guardian.VARIABLE: str(self.path)}
        self._session = 0
        try:
            self._guardian = self._start_guardian()
        except OSError:
            self.path.rmdir()
            raise

    def _start_guardian(self) -> subprocess.Popen[bytes]:
        # Without its own mark or an outer workspace's, and holding nothing of the owner's open:
        # a shell that waits for the owner's output to end must not wait for the guardian.
        environment = {k: v for k, v in os.environ.items() if k != guardian.VARIABLE}
        return zombies.start(
            [
                *(sys.executable, "-I", "-S", guardian.__file__),
                *(str(self.path), str(os.getpid())),
            ],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            start_new_session=True,
        )

    def watch_session(self, leader: int) -> None:
        """Make all processes of a session belong to the workspace; 0 forgets it again."""
        self._session = leader
        self._tell(f"{leader}\n".encode())

    def close(self) -> None:
        """Kill what is left, remove the directory and wait until that is done. Idempotent."""
        self._tell(guardian.DONE)
        if self._guardian.stdin is not None:
            self._guardian.stdin.close()
        try:
            status = self._guardian.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._guardian.kill()
            status = self._guardian.wait()
        zombies.forget(self._guardian.pid)
        if status != 0:  # somebody killed the guardian
            guardian.sweep(str(self.path), self._session, spared={os.getpid()})

    def _tell(self, message: bytes) -> None:
        pipe = self._guardian.stdin
        if pipe is not None and not pipe.closed:
            with suppress(OSError):
                pipe.write(message)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _place() -> str | None:
    """Where workspaces go: where Ray is told to put its files, else ``/tmp``, else anywhere."""
    for directory in (os.environ.get("RAY_TMPDIR"), "/tmp"):  # noqa: S108 - mkdtemp is safe there
        if directory and os.access(directory, os.W_OK):
            return directory
    return None
