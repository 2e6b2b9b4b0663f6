"""What stages print, in whole lines."""

import io
import os
import sys
from typing import TextIO


def print_whole_lines() -> None:
    """Let this process write a line at once.

    Ray's processes write what ``print`` is given and the end of the line one after the other, and
    Ray passes on what it finds in between as a line of its own.
    """
    sys.stdout, sys.stderr = _by_line(sys.stdout), _by_line(sys.stderr)


def flush() -> None:
    """Pass on the beginning of a line as well."""
    sys.stdout.flush()
    sys.stderr.flush()


def _by_line(stream: TextIO) -> TextIO:
    if isinstance(stream, io.TextIOWrapper):
        return stream
    return os.fdopen(
        stream.fileno(), "w", buffering=1, encoding="utf-8", errors="replace", closefd=False
    )
