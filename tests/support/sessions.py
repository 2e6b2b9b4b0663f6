"""Doing what a page tells its reader to do."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.pages import Block, commands
from tests.support.transcripts import difference

_TIMEOUT = 300


@dataclass
class Session:
    """A reader's terminal."""

    folder: Path
    environment: Mapping[str, str]
    yours: Mapping[str, str]
    """What readers put in the place of what a page has."""
    names: dict[str, str] = field(default_factory=dict)
    """What was generated: as the page has it, and as it is."""

    def follow(self, page: Path, blocks: list[Block]) -> None:
        """Write the files, and type the commands, of a page's blocks.

        With ``UPDATE_DOCS`` in the environment the page gets what comes out.

        Raises:
            AssertionError: something else comes out than the page says.
        """
        text, grown = page.read_text(), 0
        for block in blocks:
            self._write(block)
            if block.language != "console":
                continue
            after = "".join(
                it.shown + self._type(it.typed, it.printed) for it in commands(block.text)
            )
            start, stop = block.place.start + grown, block.place.stop + grown
            text, grown = text[:start] + after + text[stop:], grown + len(after) - len(block.text)
        if "UPDATE_DOCS" in os.environ:
            page.write_text(text)

    def _write(self, block: Block) -> None:
        if block.title and block.language == "diff":
            self._run(f"patch {block.title}", block.text)
        elif block.title:
            (self.folder / block.title).write_text(block.text)

    def _type(self, command: str, shown: str) -> str:
        """Type a command; returns what a page should show."""
        for known, real in {**self.yours, **self.names}.items():
            command = command.replace(known, real)
        printed = self._run(command).stdout
        different = difference(shown, printed, self.names)
        if different is None:
            return shown
        if "UPDATE_DOCS" in os.environ:
            return f"{printed.rstrip()}\n" if printed else ""
        raise AssertionError(f"$ {command}{different}\nAs it was printed:\n{printed}")

    def _run(self, command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=dict(self.environment),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
