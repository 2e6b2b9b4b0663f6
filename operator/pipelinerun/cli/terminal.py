"""Printing for people on the standard streams."""

import sys

from rich.console import Console, RenderableType

_UNCUT = 10_000
"""Columns of what is no terminal: nothing is cut there."""


def show(renderable: RenderableType, *, err: bool = False) -> None:
    """Print something as wide as the terminal is; elsewhere uncut and without colours."""
    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else _UNCUT
    console = Console(stderr=err, highlight=False, width=width)
    with console.capture() as captured:
        console.print(renderable)
    for line in captured.get().splitlines():
        stream.write(f"{line.rstrip()}\n")
