"""What an attempt has printed, out of the log of a container. Pure."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
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


class AttemptLog(ABC):
    """Picks the lines of an attempt out of a log, and puts long lines together.

    The parts of a long line come one by one, those of several sources in turns.
    """

    def __init__(self) -> None:
        self._begun: dict[object, Said] = {}

    @abstractmethod
    def of(self, time: str, text: str) -> Iterator[Said]:
        """The line that a line of the log completes, if it is wanted."""

    def rest(self) -> Iterator[Said]:
        """Lines that have no end, once there are no more lines in the log."""
        yield from self._begun.values()
        self._begun.clear()

    def _with_part(self, source: object, time: str, text: str, *, goes_on: bool) -> Iterator[Said]:
        """The line that a part completes."""
        begun = self._begun.pop(source, None)
        line = Said(time, (begun.text if begun else "") + text)
        if goes_on:
            self._begun[source] = line
        else:
            yield line


class SharedLog(AttemptLog):
    """The log of a gateway, with the lines of other attempts as well."""

    def __init__(self, run: str, namespace: str, uid: str, number: int, stage: str | None) -> None:
        super().__init__()
        self._whose = (run, namespace, number)
        self._uid, self._stage = uid, stage

    def of(self, time: str, text: str) -> Iterator[Said]:
        """The line that a line of the log completes, if it is one of the attempt's."""
        line = lines.read(text)
        if line is not None and self._wants(line):
            source = line.stage, line.stream
            yield from self._with_part(source, time, line.text, goes_on=line.goes_on)

    def _wants(self, line: lines.Line) -> bool:
        subject = line.subject
        mine = (subject.run, subject.namespace, subject.attempt) == self._whose
        known = subject.uid in {None, self._uid}
        return mine and known and self._stage in {None, line.stage}


class OwnLog(AttemptLog):
    """The log of a worker pod: the lines of all stages or of one, without their marks."""

    def __init__(self, stages: Collection[str], stage: str | None) -> None:
        super().__init__()
        self._stages, self._stage = stages, stage

    def of(self, time: str, text: str) -> Iterator[Said]:
        """The line that a line of the log completes, if it is wanted."""
        line = marks.read(text, self._stages)
        if self._stage in {None, line.stage}:
            yield from self._with_part(line.stage, time, line.text, goes_on=line.goes_on)
