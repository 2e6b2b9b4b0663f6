"""The blocks of a page of the documentation."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>.+?) -->\n)?"
    r"```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    language: str
    title: str | None
    """The file that a reader writes or changes."""
    text: str
    why_not: str | None
    """Why the reader's commands are not run by tests."""
    place: slice
    """Where the text stands in the page."""

    @property
    def line(self) -> str:
        """Its first line, to be named by."""
        return next(iter(self.text.splitlines()), "")


@dataclass(frozen=True)
class Command:
    """A command of a terminal session, with what it prints."""

    shown: str
    typed: str
    printed: str


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page. ``<!-- not run: WHY -->`` above one says that tests leave it alone."""
    for it in _BLOCK.finditer(page):
        place = slice(it.start("text"), it.end("text"))
        yield Block(it["language"], it["title"], it["text"], it["why"], place)


def commands(session: str) -> Iterator[Command]:
    """The commands of a ``console`` block: ``$ `` begins one, ``> `` goes on with it."""
    for part in re.findall(r"^\$ .*\n(?:(?!\$ ).*\n)*", session, re.MULTILINE):
        shown = "".join(re.findall(r"\A\$ .*\n(?:> .*\n)*", part))
        typed = re.sub(r"^[$>] ", "", shown, flags=re.MULTILINE)
        yield Command(shown, typed, part.removeprefix(shown))
