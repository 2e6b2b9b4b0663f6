"""The rules of a lease: who holds it, when another one may take it, and what is written.

They are those of client-go. Clocks of different machines are never compared: a lease is free once
it was seen unchanged for its duration, by the clock of the one who looks.
"""

from dataclasses import dataclass, replace
from datetime import datetime

_ACTING = 2 / 3
_REQUEST, _LONGEST_REQUEST = 1 / 3, 10.0
_RETRY, _LONGEST_RETRY = 1 / 10, 2.0


@dataclass(frozen=True)
class LeaseTimes:
    """The times of a lease, all in seconds.

    Attributes:
        duration: how long nobody else takes the lease after a renewal.
    """

    duration: float

    @property
    def acting(self) -> float:
        """How long its holder acts after a renewal. What it has begun by then ends in the rest."""
        return self.duration * _ACTING

    @property
    def request(self) -> float:
        """What one request for the lease may take: a second one fits in while the holder acts."""
        return min(self.duration * _REQUEST, _LONGEST_REQUEST)

    @property
    def retry(self) -> float:
        """Between two renewals, and between two looks of one who waits for the lease."""
        return min(self.duration * _RETRY, _LONGEST_RETRY)


@dataclass(frozen=True)
class LeaseRecord:
    """What is written in a lease.

    Attributes:
        holder: identity of who holds it; empty once it is given back.
        duration: seconds that the holder was promised.
        acquired: when the holder took it.
        renewed: when it was last renewed.
        transitions: how often it went from one holder to another.
    """

    holder: str
    duration: float
    acquired: datetime | None
    renewed: datetime | None
    transitions: int = 0


@dataclass(frozen=True)
class SeenLease:
    """A version of a lease, and since when it is known.

    Attributes:
        record: what is written in it.
        version: its resourceVersion.
        since: when this version was first seen, by the monotonic clock.
    """

    record: LeaseRecord
    version: str
    since: float


def look(before: SeenLease | None, now: SeenLease | None) -> SeenLease | None:
    """What is known of a lease after it was read; None if there is and was none.

    One that somebody has deleted counts as what it last was: its holder may still act.
    """
    if now is None or (before is not None and before.version == now.version):
        return before
    return now


def free_in(lease: SeenLease | None, identity: str, times: LeaseTimes, now: float) -> float:
    """Seconds until ``identity`` may take a lease; not more than 0 if it may now.

    One that holds it already has been restarted: it may.
    """
    if lease is None or lease.record.holder in {"", identity}:
        return 0.0
    return lease.since + max(lease.record.duration, times.duration) - now


def claimed(
    before: LeaseRecord | None, identity: str, times: LeaseTimes, now: datetime
) -> LeaseRecord:
    """What is written to take a lease. The time of it tells this term from any other."""
    transitions = 0
    if before is not None:
        transitions = before.transitions + (before.holder != identity)
    return LeaseRecord(identity, times.duration, acquired=now, renewed=now, transitions=transitions)


def renewed(record: LeaseRecord, now: datetime) -> LeaseRecord:
    """What is written to keep a lease."""
    return replace(record, renewed=now)


def given_back(record: LeaseRecord, now: datetime) -> LeaseRecord:
    """What is written so that the next one need not wait."""
    return replace(record, holder="", duration=1, renewed=now)


def is_same_term(mine: LeaseRecord, found: LeaseRecord) -> bool:
    """Whether a lease still is what its holder took, whichever of its renewals is found."""
    return (mine.holder, mine.acquired) == (found.holder, found.acquired)
