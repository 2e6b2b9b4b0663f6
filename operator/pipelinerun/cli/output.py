"""The terminal shared with a pipeline: its output and ours must not write over each other."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from rich.console import Console
from rich.text import Text

from pipelinerun.execution.output import descriptor_for

_LONGEST_LINE = 1 << 16


@contextmanager
def own_console() -> Iterator[Console]:
    """A console on the standard error as it is now, wherever descriptor 2 is routed meanwhile."""
    with os.fdopen(
        os.dup(sys.stderr.fileno()), "w", encoding=sys.stderr.encoding, errors="replace"
    ) as file:
        yield Console(file=file, highlight=False)


@contextmanager
def routed(source: IO[str], target: IO[str]) -> Iterator[None]:
    """Let everything that is written to the descriptor of ``source`` go to ``target``.

    That holds for this process, libraries in C included, and for the processes it starts.
    """
    if target is source:
        yield
        return
    source.flush()
    with descriptor_for(target) as descriptor:
        original = os.dup(source.fileno())
        os.dup2(descriptor, source.fileno())
        try:
            yield
        finally:
            source.flush()
            os.dup2(original, source.fileno())
            os.close(original)


class AboveLive:
    """A stream without a descriptor, whose lines appear above what a console shows live."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._line = ""

    def write(self, text: str) -> int:
        """Print the lines that are complete, colours included; the rest waits for its end."""
        complete, newline, rest = (self._line + text).rpartition("\n")
        if len(rest) > _LONGEST_LINE:
            complete, newline, rest = complete + newline + rest, "\n", ""
        self._line = rest
        if newline:
            self._print(complete)
        return len(text)

    def flush(self) -> None:
        """Print a last line that has no end."""
        if self._line:
            self._print(self._line)
            self._line = ""

    def _print(self, lines: str) -> None:
        self._console.print(Text.from_ansi(lines), soft_wrap=True)
