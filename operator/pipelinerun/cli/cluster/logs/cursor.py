"""Where the reader of a log is, so that a request that repeats lines shows none twice. Pure."""

from collections import Counter
from datetime import UTC, datetime, timedelta

_DISORDER = timedelta(seconds=1)
"""By how much a line may be older than the one before it: a container's standard output and its
standard error are written down side by side."""


class Cursor:
    """The time of the latest line, and how many lines had each of the times just before it."""

    def __init__(self) -> None:
        self._latest: datetime | None = None
        self._read: Counter[datetime] = Counter()
        self._repeated: Counter[datetime] = Counter()

    def since(self, beginning: datetime) -> datetime:
        """From when on to ask for lines; a request has whole seconds."""
        return beginning if self._latest is None else _shortly_before(self._latest)

    def begin(self) -> None:
        """From here on lines of another request come: some may have been read."""
        self._repeated = self._read.copy()

    def is_new(self, time: datetime) -> bool:
        """Whether a line is another one than those that were read."""
        if self._repeated[time] > 0:
            self._repeated[time] -= 1
            return False
        self._read[time] += 1
        if self._latest is None or time > self._latest:
            self._forget_before(time)
            self._latest = time
        return True

    def _forget_before(self, time: datetime) -> None:
        """Forget the times that no further request asks for."""
        start = _shortly_before(time)
        if self._latest is not None and start > _shortly_before(self._latest):
            self._read = Counter({it: n for it, n in self._read.items() if it >= start})


def _shortly_before(time: datetime) -> datetime:
    return time.replace(microsecond=0) - _DISORDER


def split(line: str) -> tuple[datetime, str, str]:
    """Time, the same as it is written, and text of a line with a timestamp."""
    written, _, text = line.partition(" ")
    try:
        return datetime.fromisoformat(written).astimezone(UTC), written, text
    except ValueError:
        return datetime.min.replace(tzinfo=UTC), "", line
