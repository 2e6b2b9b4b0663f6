"""Writing Markdown."""

from collections.abc import Iterable

Row = tuple[str, ...]


def table(head: Row, rows: Iterable[Row]) -> str:
    """A table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in lines
    )


def codes(words: Iterable[str]) -> str:
    """Words as code, each once."""
    return ", ".join(f"`{word}`" for word in dict.fromkeys(words))
