"""The rules of a lease."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.core.leases import (
    LeaseRecord,
    LeaseTimes,
    SeenLease,
    claimed,
    free_in,
    given_back,
    is_same_term,
    look,
    renewed,
)

TIMES = LeaseTimes(15)
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
MINE = claimed(None, "a", TIMES, NOW)


def seen(record: LeaseRecord = MINE, version: str = "1", since: float = 100.0) -> SeenLease:
    return SeenLease(record, version, since)


def test_a_holder_stops_before_another_one_may_begin_and_has_time_to_try_twice() -> None:
    assert TIMES.acting + TIMES.request <= TIMES.duration
    assert 2 * TIMES.request <= TIMES.acting
    assert TIMES.retry < TIMES.request


@pytest.mark.parametrize(
    ("lease", "identity", "wait"),
    [
        (None, "b", 0.0),
        (seen(given_back(MINE, NOW)), "b", 0.0),
        (seen(), "a", 0.0),
        (seen(), "b", 5.0),
        (seen(replace(MINE, duration=60.0)), "b", 50.0),
        (seen(replace(MINE, duration=1.0)), "b", 5.0),
    ],
    ids=["there is none", "given back", "one's own", "held", "promised for longer", "for less"],
)
def test_who_may_take_a_lease_and_when(lease: SeenLease | None, identity: str, wait: float) -> None:
    assert free_in(lease, identity, TIMES, now=110.0) == wait


def test_a_lease_that_does_not_change_is_known_since_it_was_first_seen() -> None:
    assert look(seen(since=100.0), seen(since=107.0)) == seen(since=100.0)
    assert look(seen(), seen(version="2", since=107.0)) == seen(version="2", since=107.0)


def test_a_lease_that_was_deleted_is_still_waited_for() -> None:
    assert look(seen(), None) == seen()
    assert look(None, None) is None


def test_a_restart_under_the_same_name_begins_another_term() -> None:
    later = claimed(MINE, "a", TIMES, NOW + timedelta(seconds=1))
    assert later.transitions == MINE.transitions
    assert not is_same_term(MINE, later)
    assert is_same_term(later, renewed(later, NOW + timedelta(seconds=5)))
    assert claimed(later, "b", TIMES, NOW).transitions == 1


@given(
    duration=st.floats(1, 3600),
    renewed_at=st.floats(0, 1e6),
    answer=st.floats(0, 1e4),
    lag=st.floats(0, 1e4),
)
def test_nobody_leads_while_another_one_acts(
    duration: float, renewed_at: float, answer: float, lag: float
) -> None:
    """Whenever the answer comes, and whenever the renewal is seen."""
    times = LeaseTimes(duration)
    written = renewed_at + answer
    lease = seen(claimed(None, "a", times, NOW), since=written + lag)
    may_take = lease.since + free_in(lease, "b", times, lease.since)
    assert renewed_at + times.acting < may_take
