"""What an attempt has printed, out of the log of a container. Pure."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from pipelinerun.controller.inprocess import lines
from pipelinerun.worker import marks


@dataclass(frozen=True)
class Said:
    """A line of an attempt.

    Attributes:
        time: when it was written to the log.
        text: the line.
    """

    time: str
    text: str


class SharedLog:
    """Picks the lines of an attempt out of the log of a gateway, and puts long lines together."""

    def __init__(self, run: str, namespace: str, uid: str, number: int, stage: str | None) -> None:
        self._whose = (run, namespace, number)
        self._uid, self._stage = uid, stage
        self._joined = Joined()

    def of(self, time: str, text: str) -> Iterator[Said]:
        """The line that a line of the log completes, if it is one of the attempt's."""
        line = lines.read(text)
        if line is not None and self._wants(line):
            source = line.stage, line.stream
            yield from self._joined.with_part(source, time, line.text, goes_on=line.goes_on)

    def _wants(self, line: lines.Line) -> bool:
        subject = line.subject
        mine = (subject.run, subject.namespace, subject.attempt) == self._whose
        known = subject.uid in {None, self._uid}
        return mine and known and self._stage in {None, line.stage}


class OwnLog:
    """The log of a worker pod: the lines of all stages or of one, without their marks."""

    def __init__(self, stages: Collection[str], stage: str | None) -> None:
        self._stages, self._stage = stages, stage
        self._joined = Joined()

    def of(self, time: str, text: str) -> Iterator[Said]:
        """The line that a line of the log completes, if it is wanted."""
        line = marks.read(text, self._stages)
        if self._stage in {None, line.stage}:
            yield from self._joined.with_part(line.stage, time, line.text, goes_on=line.goes_on)


class Joined:
    """Puts long lines together whose parts came one by one, from several sources in turns."""

    def __init__(self) -> None:
        self._begun: dict[object, str] = {}

    def with_part(self, source: object, time: str, text: str, *, goes_on: bool) -> Iterator[Said]:
        """The line that a part completes."""
        whole = self._begun.pop(source, "") + text
        if goes_on:
            self._begun[source] = whole
        else:
            yield Said(time, whole)


Pick = Callable[[str, str], Iterable[Said]]
"""From time and text of a line of a log to the lines that it completes."""
