"""A program in a real terminal of 80 columns."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

CTRL_C = b"\x03"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A child that leads a terminal's foreground group, and what it has written so far."""

    def __init__(self, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", _LEAD, os.ttyname(theirs), *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            cwd=cwd,
            env={**os.environ, "TERM": "xterm-256color", **environment},
        )
        os.close(theirs)
        self._written = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    @property
    def text(self) -> str:
        """Everything written, without control sequences."""
        return _CONTROL.sub("", self._written.decode(errors="replace")).replace("\r", "")

    def end(self) -> int:
        """Wait for the end; the exit code."""
        code = self.process.wait()
        self._reader.join()
        os.close(self._ours)
        return code

    def _read(self) -> None:
        with suppress(OSError):  # EIO: nobody has the terminal open any more
            while chunk := os.read(self._ours, 65536):
                self._written += chunk


# Opening a terminal makes it the controlling one of a session's leader, so that it gets signals.
_LEAD = "import os, sys; os.open(sys.argv[1], os.O_RDWR); os.execv(sys.argv[2], sys.argv[2:])"
