"""Server processes that end with the process that started them."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_STOP_TIMEOUT = 20.0
_POLL = 0.05

# Runs in a fresh interpreter, which then becomes the server: Linux sends it SIGKILL when its parent
# ends, however that happens; the check after it closes the race at the start.
_BIND_AND_EXEC = """
import ctypes, os, signal, sys
parent, command = int(sys.argv[1]), sys.argv[2:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
if os.getppid() != parent:
    sys.exit("the parent is gone")
os.execv(command[0], command)
"""


class ServerError(RuntimeError):
    """A server did not come up; the message holds the end of its log."""


class Server:
    """A server process with its log in a file."""

    def __init__(self, command: Sequence[str], log: Path, parent: int) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _BIND_AND_EXEC, str(parent), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Wait until it is ready.

        Raises:
            ServerError: it ended, or was not ready in time.
        """
        deadline = time.monotonic() + timeout
        while not ready():
            if self._process.poll() is not None:
                raise ServerError(f"ended with {self._process.returncode}:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ServerError(f"not ready after {timeout:.0f} s:\n{self.tail()}")
            time.sleep(_POLL)

    def kill(self) -> None:
        """End it without a warning."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it, by force if it does not end by itself."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def tail(self, lines: int = 20) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
