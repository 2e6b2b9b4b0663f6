"""Lines that in-process runs print, as the gateway's log has them. Pure.

A line that is too long for one goes on in the next of the same stage and stream.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipelinerun.controller.subject import Subject

LONGEST = 8192
"""Characters in one line of the log: container runtimes cut lines of more than 16 KiB in pieces."""

LOGGER = "output"
_DRIVER = "-"
"""Stands in for the stage where the driver of the run has printed it."""
_FINALLY = "finally-"
_WHOLE, _PART = "|", "+"
_CONSOLE = re.compile(
    r"(?P<namespace>[a-z0-9-]+)/(?P<run>[a-z0-9.-]+)"
    r" (?P<finally>finally-)?(?P<attempt>[0-9]+)"
    r" (?P<stage>-|[A-Za-z0-9_.-]+) (?P<end>[|+])(?: (?P<text>.*))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Line:
    """A line, or a part of a long one.

    Attributes:
        subject: the attempt that has printed it.
        stage: the stage; None is what the driver prints by itself.
        stream: stdout or stderr.
        text: without its end.
        goes_on: whether the line goes on in the next one.
    """

    subject: Subject
    stage: str | None
    stream: str
    text: str
    goes_on: bool = False


def lines_of(text: str, subject: Subject, stage: str | None, stream: str) -> Iterator[Line]:
    """The lines of a text; what has no end yet goes on in the next text."""
    *whole, rest = text.split("\n")
    for line in whole:
        parts = [line[at : at + LONGEST] for at in range(0, len(line), LONGEST)] or [""]
        for part in parts[:-1]:
            yield Line(subject, stage, stream, part, goes_on=True)
        yield Line(subject, stage, stream, parts[-1])
    for at in range(0, len(rest), LONGEST):
        yield Line(subject, stage, stream, rest[at : at + LONGEST], goes_on=True)


def as_json(line: Line, time: str) -> str:
    """A line as one JSON object."""
    fields = {"time": time, "logger": LOGGER, "message": line.text, **line.subject.fields}
    if line.stage is not None:
        fields["stage"] = line.stage
    fields["stream"] = line.stream
    return json.dumps(fields | ({"partial": True} if line.goes_on else {}))


def as_console(line: Line) -> str:
    """A line behind a prefix that says whose it is, if it is a run's."""
    subject, number = line.subject, line.subject.attempt or 0
    attempt = str(number) if number > 0 else f"{_FINALLY}{-number}"
    whose = f"{subject.namespace}/{subject.run} {attempt} {line.stage or _DRIVER}"
    return f"{whose} {_PART if line.goes_on else _WHOLE} {line.text}"


def read(text: str) -> Line | None:
    """A line of either form; None if no run has printed it. A prefix does not tell the stream."""
    if text.startswith("{"):
        return _of_json(text)
    found = _CONSOLE.fullmatch(text)
    if found is None:
        return None
    number = int(found["attempt"])
    return Line(
        Subject(found["run"], found["namespace"], None, -number if found["finally"] else number),
        None if found["stage"] == _DRIVER else found["stage"],
        "stdout",
        found["text"] or "",
        found["end"] == _PART,
    )


def _of_json(text: str) -> Line | None:
    try:
        fields = json.loads(text)
        number = fields["attempt"] if "attempt" in fields else -fields["finally"]
        subject = Subject(fields["run"], fields["namespace"], fields["uid"], number)
        stream, message = fields["stream"], fields["message"]
    except (ValueError, KeyError, TypeError):
        return None
    return Line(subject, fields.get("stage"), stream, message, fields.get("partial", False))
