"""The work queue."""

import asyncio

from pipelinerun.controller.priorities import Priority
from pipelinerun.controller.queue import FIRST_DELAY, LONGEST_DELAY, WorkQueue


async def drain(queue: WorkQueue[str]) -> list[str]:
    """Take and finish everything that is ready."""
    taken = []
    while len(queue):
        key = await queue.get()
        taken.append(key)
        queue.done(key)
    return taken


def test_a_key_that_is_added_twice_is_worked_on_once() -> None:
    async def scenario() -> list[str]:
        queue: WorkQueue[str] = WorkQueue()
        for key in ("a", "b", "a"):
            queue.add(key)
        return await drain(queue)

    assert asyncio.run(scenario()) == ["a", "b"]


def test_the_more_urgent_keys_come_first() -> None:
    async def scenario() -> list[str]:
        urgency = {"new": Priority.START, "old": Priority.UPKEEP, "runs": Priority.WORK}
        queue: WorkQueue[str] = WorkQueue(lambda key: urgency[key])
        for key in ("old", "new", "runs"):
            queue.add(key)
        return await drain(queue)

    assert asyncio.run(scenario()) == ["runs", "new", "old"]


def test_a_key_that_is_added_while_worked_on_is_worked_on_again_but_not_at_once() -> None:
    async def scenario() -> tuple[int, list[str]]:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("a")
        key = await queue.get()
        queue.add("a")
        queue.add("a")
        ready_meanwhile = len(queue)
        queue.done(key)
        return ready_meanwhile, await drain(queue)

    assert asyncio.run(scenario()) == (0, ["a"])


def test_the_earliest_of_several_delays_of_a_key_stands() -> None:
    async def scenario() -> list[str]:
        queue: WorkQueue[str] = WorkQueue()
        queue.add_after("a", 3600)
        queue.add_after("a", 0)
        queue.add_after("a", 3600)
        key = await queue.get()
        queue.done(key)
        return [key, *await drain(queue)]

    assert asyncio.run(scenario()) == ["a"]


def test_a_key_that_is_forgotten_is_not_worked_on_later() -> None:
    async def scenario() -> list[str]:
        queue: WorkQueue[str] = WorkQueue()
        queue.add_after("a", 0)
        queue.add_after("b", 0)
        queue.forget("a")
        queue.forget("c")
        key = await queue.get()
        queue.done(key)
        return [key, *await drain(queue)]

    assert asyncio.run(scenario()) == ["b"]


def test_failures_back_off_up_to_a_bound_and_success_forgets_them() -> None:
    async def scenario() -> list[float]:
        queue: WorkQueue[str] = WorkQueue()
        delays = [queue.add_failed("a") for _ in range(100)]
        queue.succeeded("a")
        return [*delays, queue.add_failed("a")]

    delays = asyncio.run(scenario())
    assert delays[:3] == [FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY]
    assert max(delays) == LONGEST_DELAY
    assert delays[-1] == FIRST_DELAY


def test_a_queue_is_stalled_when_a_key_waits_or_is_worked_on_for_long() -> None:
    async def scenario() -> list[float]:
        queue: WorkQueue[str] = WorkQueue()
        idle = queue.stalled_for()
        queue.add("a")
        await asyncio.sleep(0.02)
        waiting = queue.stalled_for()
        await queue.get()
        taken = queue.stalled_for()
        await asyncio.sleep(0.02)
        active = queue.stalled_for()
        queue.done("a")
        return [idle, waiting, taken, active, queue.stalled_for()]

    idle, waiting, taken, active, done = asyncio.run(scenario())
    assert (idle, done) == (0.0, 0.0)
    assert min(waiting, active) >= 0.02
    assert taken < waiting
