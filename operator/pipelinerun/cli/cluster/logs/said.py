"""What an attempt has printed, out of the log of a container. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pipelinerun.controller.inprocess.lines import Line, read


@dataclass(frozen=True)
class Said:
    """A line of an attempt.

    Attributes:
        time: when it was written to the log.
        text: the line.
    """

    time: str
    text: str


class Selection:
    """Picks the lines of an attempt out of the log of a gateway, and puts long lines together."""

    def __init__(self, run: str, namespace: str, uid: str, number: int, stage: str | None) -> None:
        self._whose = (run, namespace, number)
        self._uid, self._stage = uid, stage
        self._begun: dict[tuple[str | None, str], str] = {}

    def of(self, time: str, text: str) -> Iterator[Said]:
        """The line that a line of the log completes, if it is one of the attempt's."""
        line = read(text)
        if line is None or not self._wants(line):
            return
        source = line.stage, line.stream
        whole = self._begun.pop(source, "") + line.text
        if line.goes_on:
            self._begun[source] = whole
        else:
            yield Said(time, whole)

    def _wants(self, line: Line) -> bool:
        subject = line.subject
        mine = (subject.run, subject.namespace, subject.attempt) == self._whose
        known = subject.uid in {None, self._uid}
        return mine and known and self._stage in {None, line.stage}


def everything(time: str, text: str) -> Iterator[Said]:
    """A log in which there is nothing else."""
    yield Said(time, text)


Pick = Callable[[str, str], Iterable[Said]]
"""From time and text of a line of a log to the lines that it completes."""
