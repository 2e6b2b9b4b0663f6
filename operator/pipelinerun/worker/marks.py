"""Lines of a worker's log, each behind the stage that has printed it. Pure.

A line that is too long to wait for its end goes on in the next one of the same stage and stream.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

_WHOLE, _PART = "|", "+"
_MARKED = re.compile(r"(?P<stage>[A-Za-z0-9_.-]+) (?P<end>[|+]) (?P<text>.*)", re.DOTALL)


@dataclass(frozen=True)
class Line:
    """A line, or a part of a long one.

    Attributes:
        stage: that has printed it; None where no stage has.
        text: as it was printed, without its end.
        goes_on: whether the line goes on in the next one.
    """

    stage: str | None
    text: str
    goes_on: bool = False


def marked(text: str, stage: str) -> str:
    """A text of a stage, each of its lines marked. A line without its end goes on later."""
    *whole, rest = text.split("\n")
    lines = [f"{stage} {_WHOLE} {line}\n" for line in whole]
    return "".join([*lines, f"{stage} {_PART} {rest}\n"] if rest else lines)


def read(text: str, stages: Collection[str]) -> Line:
    """A line of a log in which some of the lines are marked with one of the stages."""
    found = _MARKED.fullmatch(text)
    if found is None or found["stage"] not in stages:
        return Line(None, text)
    return Line(found["stage"], found["text"], found["end"] == _PART)
