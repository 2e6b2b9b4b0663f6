"""Which driver runs an attempt, and which drivers there should be."""

import pytest

from pipelinerun.controller.inprocess.pool import Slot, State, choose, to_create, to_end


def slot(state: State, code: str | None = None) -> Slot:
    return Slot(f"{state}-{code}", state, code)


WARMING, BLANK = slot("warming"), slot("idle")
IDLE_A, IDLE_B = slot("idle", "a"), slot("idle", "b")
BUSY_A = slot("busy", "a")


@pytest.mark.parametrize(
    ("slots", "chosen"),
    [
        ([], None),
        ([WARMING], None),
        ([BLANK], BLANK),
        ([BLANK, IDLE_A], IDLE_A),
        ([IDLE_B, BLANK], BLANK),
        ([IDLE_B, BUSY_A, WARMING], None),
    ],
)
def test_an_attempt_gets_a_driver_of_its_own_code_or_a_blank_one(
    slots: list[Slot], chosen: Slot | None
) -> None:
    assert choose(slots, "a") is chosen


@pytest.mark.parametrize(
    ("slots", "queued", "created", "ended"),
    [
        pytest.param([], 0, 1, 0, id="one spare from the start"),
        pytest.param([WARMING], 0, 0, 0, id="a spare that is warming up counts"),
        pytest.param([WARMING], 2, 1, 0, id="one for each queued attempt"),
        pytest.param([], 9, 3, 0, id="never more than places and one"),
        pytest.param([BUSY_A, BUSY_A], 0, 1, 0, id="a spare besides the busy ones"),
        pytest.param([BUSY_A, BUSY_A], 5, 1, 0, id="attempts wait for busy drivers"),
        pytest.param([IDLE_A, BLANK], 0, 0, 0, id="a driver stays for the next run of its code"),
        pytest.param([IDLE_A, IDLE_B, BUSY_A], 0, 1, 1, id="the least recently used one goes"),
        pytest.param([IDLE_A, IDLE_B, BLANK], 2, 1, 1, id="bound ones go for queued attempts"),
    ],
)
def test_there_are_as_many_drivers_as_needed(
    slots: list[Slot], queued: int, created: int, ended: int
) -> None:
    capacity = 2
    assert to_create(slots, capacity, queued) == created
    assert to_end(slots, capacity, created) == slots[:ended]
