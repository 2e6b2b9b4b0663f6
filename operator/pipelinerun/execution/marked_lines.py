"""Reports that travel in a log, in lines with a mark, between the lines that a pipeline prints."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Report = Mapping[str, Any]

_START = "\x1epipelinerun "
_MARKED = re.compile(f"{_START}([^\n]*)\n")


def marked(report: Report) -> bytes:
    """A report as a line, to be written at once. The line before it need not have ended."""
    return f"{_START}{json.dumps(report)}\n".encode()


class MarkedLines:
    """Tells reports and text apart in a log that is read piece by piece."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> Iterator[Report | str]:
        """What is complete with the next piece, in order."""
        text = self._rest + text
        end = 0
        for match in _MARKED.finditer(text):
            if match.start() > end:
                yield text[end : match.start()]
            yield json.loads(match[1])
            end = match.end()
        begun = _begun(text, end)
        self._rest = text[begun:]
        if begun > end:
            yield text[end:begun]


def _begun(text: str, start: int) -> int:
    """Where a report begins that is not complete; the length of the text when none does."""
    begun = text.find(_START[0], start)
    while begun >= 0 and not text.startswith(_START[: len(text) - begun], begun):
        begun = text.find(_START[0], begun + 1)
    return begun if begun >= 0 else len(text)
