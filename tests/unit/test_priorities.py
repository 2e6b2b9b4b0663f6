"""What goes first when not all can be done at once."""

from collections import Counter
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.api.status import EXECUTED_PHASES, TERMINAL_PHASES, Phase
from pipelinerun.controller.priorities import (
    FairQueue,
    Priority,
    at,
    current_priority,
    priority_of,
)
from pipelinerun.controller.runs import read_run

START, UPKEEP, WORK = Priority.START, Priority.UPKEEP, Priority.WORK


def drain(queue: FairQueue[Priority]) -> list[Priority]:
    return [queue.get() for _ in range(len(queue))]


def filled(*priorities: Priority) -> FairQueue[Priority]:
    queue: FairQueue[Priority] = FairQueue()
    for priority in priorities:
        queue.put(priority, priority)
    return queue


def test_the_more_urgent_comes_first() -> None:
    assert drain(filled(UPKEEP, START, WORK)) == [WORK, START, UPKEEP]


def test_those_of_one_priority_keep_their_order() -> None:
    queue: FairQueue[int] = FairQueue()
    for number in range(5):
        queue.put(number, START)
    assert [queue.get() for _ in range(5)] == [*range(5)]


def test_each_priority_gets_its_share_when_there_is_more_of_everything() -> None:
    queue = filled(*[WORK] * 100, *[START] * 100, *[UPKEEP] * 100)
    assert Counter(drain(queue)[: sum(Priority)]) == {WORK: 16, START: 4, UPKEEP: 1}


@given(st.lists(st.sampled_from([START, UPKEEP]), max_size=50))
def test_something_urgent_is_overtaken_by_nothing_however_long_the_rest_has_waited(
    taken: list[Priority],
) -> None:
    queue = filled(*[START] * 60, *[UPKEEP] * 60)
    for _ in taken:
        queue.get()
    queue.put(WORK, WORK)
    assert queue.get() is WORK


def test_nobody_starves() -> None:
    queue = filled(UPKEEP)
    taken = []
    while UPKEEP not in taken:
        queue.put(WORK, WORK)
        queue.put(START, START)
        taken.append(queue.get())
        assert len(taken) <= 2 * sum(Priority)


def test_a_quiet_time_saves_up_no_share() -> None:
    queue = filled(*[START] * 1000)
    for _ in range(500):
        queue.get()
    for _ in range(100):
        queue.put(WORK, WORK)
    assert Counter(queue.get() for _ in range(50))[START] >= 50 // 5 - 1


def test_nothing_can_be_taken_where_nothing_waits() -> None:
    with pytest.raises(IndexError):
        FairQueue[int]().get()


@pytest.mark.parametrize("phase", [*get_args(Phase), None])
def test_runs_under_way_go_before_starts_and_finished_ones_come_last(phase: str | None) -> None:
    metadata = {"namespace": "team", "name": "a", "uid": "a", "resourceVersion": "1"}
    metadata["creationTimestamp"] = "2026-01-01T00:00:00Z"
    run = read_run({"metadata": metadata, "spec": {}, "status": {"phase": phase} if phase else {}})
    if phase in EXECUTED_PHASES:
        assert priority_of(run) is WORK
    else:
        assert priority_of(run) is (UPKEEP if phase in TERMINAL_PHASES else START)


def test_what_a_deleted_run_left_behind_is_urgent() -> None:
    assert priority_of(None) is WORK


def test_requests_have_the_priority_of_where_they_are_made() -> None:
    assert current_priority() is WORK
    with at(START):
        with at(UPKEEP):
            assert current_priority() is UPKEEP
        assert current_priority() is START
    assert current_priority() is WORK
