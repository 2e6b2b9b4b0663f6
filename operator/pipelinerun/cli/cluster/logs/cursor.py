"""Where the reader of a log is, so that a request that repeats lines shows none twice. Pure."""

from datetime import UTC, datetime


class Cursor:
    """The time of the last line that was read, and how many lines had that time."""

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._with_it = 0
        self._repeated = 0

    def since(self, beginning: datetime) -> datetime:
        """From when on to ask for lines; a request has whole seconds."""
        return (self._last or beginning).replace(microsecond=0)

    def begin(self) -> None:
        """From here on lines of another request come: some may have been read."""
        self._repeated = 0

    def is_new(self, time: datetime) -> bool:
        """Whether a line is another one than those that were read."""
        if self._last is None or time > self._last:
            self._last, self._with_it = time, 1
            self._repeated = 1
            return True
        if time < self._last:
            return False
        self._repeated += 1
        if self._repeated <= self._with_it:
            return False
        self._with_it = self._repeated
        return True


def split(line: str) -> tuple[datetime, str, str]:
    """Time, the same as it is written, and text of a line with a timestamp."""
    written, _, text = line.partition(" ")
    try:
        return datetime.fromisoformat(written).astimezone(UTC), written, text
    except ValueError:
        return datetime.min.replace(tzinfo=UTC), "", line
