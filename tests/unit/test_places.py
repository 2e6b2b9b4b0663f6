"""Places for in-process runs."""

from datetime import UTC, datetime, timedelta

from pipelinerun.controller.places import Places

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
FIRST, SECOND, THIRD = (("team", name) for name in ("first", "second", "third"))


def created(number: int) -> datetime:
    return EPOCH + timedelta(seconds=number)


def test_a_run_may_start_while_places_are_free() -> None:
    places = Places(2)
    assert places.offer(FIRST, created(1))
    places.take(FIRST)
    assert places.offer(SECOND, created(2))


def test_a_full_operator_makes_runs_wait_in_the_order_of_their_creation() -> None:
    places = Places(1)
    places.take(FIRST)
    assert not places.offer(THIRD, created(3))
    assert not places.offer(SECOND, created(2))
    assert places.leave(FIRST)
    assert places.next() == [SECOND]
    assert not places.offer(THIRD, created(3))


def test_a_run_that_has_a_place_keeps_it() -> None:
    places = Places(1)
    places.take(FIRST)
    assert places.offer(FIRST, created(9))


def test_leaving_without_a_place_frees_none() -> None:
    places = Places(1)
    places.offer(FIRST, created(1))
    assert not places.leave(FIRST)
    assert places.next() == []


def test_adopted_runs_may_exceed_the_capacity_and_nobody_follows_until_there_is_room() -> None:
    places = Places(1)
    places.take(FIRST)
    places.take(SECOND)
    places.offer(THIRD, created(3))
    assert places.leave(FIRST)
    assert places.next() == []
    assert places.leave(SECOND)
    assert places.next() == [THIRD]
