"""Which run a line of a log concerns."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """A run, or one attempt of it.

    Attributes:
        run: its name.
        namespace: its namespace.
        uid: None where only the name is known: the run is gone.
        attempt: number of the attempt; that of finally stages is negative.
    """

    run: str
    namespace: str
    uid: str | None = None
    attempt: int | None = None

    @property
    def fields(self) -> Mapping[str, str | int]:
        """What is known, by the names that logs have for it."""
        found: dict[str, str | int] = {"run": self.run, "namespace": self.namespace}
        if self.uid is not None:
            found["uid"] = self.uid
        if self.attempt is not None:
            found["attempt" if self.attempt > 0 else "finally"] = abs(self.attempt)
        return found


_current: ContextVar[Subject | None] = ContextVar("subject", default=None)


@contextmanager
def about(subject: Subject | None) -> Iterator[None]:
    """What is logged meanwhile, in this thread or task, concerns a run, or none."""
    token = _current.set(subject)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Subject | None:
    """The run that is concerned, if one is."""
    return _current.get()
