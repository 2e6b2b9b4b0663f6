"""The rate limiter of requests."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.controller.limiter import LONGEST_PAUSE, Backoff, RateLimiter, TokenBucket
from pipelinerun.controller.priorities import Priority

Result = TypeVar("Result")


def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    bucket = TokenBucket(rate=10, burst=3)
    assert [bucket.take(0) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(0) == pytest.approx(0.1)
    assert bucket.take(0.05) == pytest.approx(0.05)
    assert bucket.take(0.1) == 0
    assert bucket.take(0.1) > 0


def test_a_quiet_time_fills_the_bucket_and_no_more() -> None:
    bucket = TokenBucket(rate=10, burst=3)
    for now in (0.0, 1000.0):
        assert [bucket.take(now) for _ in range(3)] == [0, 0, 0]
        assert bucket.take(now) > 0


@given(
    st.floats(0.1, 1000),
    st.integers(1, 100),
    st.lists(st.floats(0, 10), min_size=1, max_size=200),
)
def test_no_time_sees_more_than_the_burst_and_the_rate_allow(
    rate: float, burst: int, pauses: list[float]
) -> None:
    bucket, now, taken = TokenBucket(rate, burst), 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now) == 0
    assert taken <= burst + rate * (now + 1e-5)


def test_whoever_waits_as_long_as_told_gets_a_token() -> None:
    bucket, now = TokenBucket(rate=3, burst=1), 0.0
    for _ in range(100):
        delay = bucket.take(now)
        if delay > 0:
            now += delay
            assert bucket.take(now) == 0
    assert now == pytest.approx(99 / 3)


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (200, None, 0),
        (404, "5", 0),
        (409, None, 0),
        (429, "5", 5),
        (429, "0.5", 0.5),
        (429, None, 1),
        (429, "Wed, 21 Oct 2026 07:28:00 GMT", 1),
        (429, "nan", 1),
        (429, "-1", 0),
        (429, "1e9", LONGEST_PAUSE),
        (500, None, 0),
        (503, "7", 7),
        (503, "soon", 0),
    ],
)
def test_an_answer_says_how_long_to_leave_the_server_alone(
    status: int, retry_after: str | None, seconds: float
) -> None:
    assert Backoff().after(status, retry_after) == seconds


def test_refusals_in_a_row_hold_back_longer_and_longer() -> None:
    backoff = Backoff()
    waits = [backoff.after(429, None) for _ in range(100)]
    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) <= LONGEST_PAUSE
    assert backoff.after(200, None) == 0
    assert backoff.after(429, None) == 1


def run(scenario: Coroutine[None, None, Result]) -> Result:
    return asyncio.run(asyncio.wait_for(scenario, 60))


async def seconds_until(limiter: RateLimiter, priority: Priority = Priority.WORK) -> float:
    clock = asyncio.get_running_loop().time
    before = clock()
    await limiter.wait(priority)
    return clock() - before


def test_requests_within_the_burst_do_not_wait() -> None:
    async def scenario() -> None:
        limiter = RateLimiter(rate=0.001, burst=5)
        await asyncio.gather(*(limiter.wait(Priority.WORK) for _ in range(5)))

    run(scenario())


def test_all_requests_wait_as_long_as_one_was_told_to() -> None:
    async def scenario() -> list[float]:
        limiter = RateLimiter(rate=1000, burst=1000)
        limiter.heed(503, "0.2")
        limiter.heed(200, None)
        return await asyncio.gather(*(seconds_until(limiter) for _ in range(10)))

    assert min(run(scenario())) >= 0.19


def test_refusals_of_requests_that_were_under_way_together_count_once() -> None:
    async def scenario() -> float:
        limiter = RateLimiter(rate=1000, burst=1000)
        limiter.heed(429, "0.01")
        for _ in range(20):
            limiter.heed(429, None)
        return await seconds_until(limiter)

    assert run(scenario()) < 15  # else it were 30


def test_waiting_requests_go_in_the_order_of_their_priority() -> None:
    async def scenario() -> list[Priority]:
        limiter, order = RateLimiter(rate=100, burst=1), []

        async def ask(priority: Priority) -> None:
            await limiter.wait(priority)
            order.append(priority)

        await limiter.wait(Priority.WORK)
        await asyncio.gather(*(ask(it) for it in sorted(Priority)))
        return order

    assert run(scenario()) == [Priority.WORK, Priority.START, Priority.UPKEEP]


def test_a_request_that_is_given_up_takes_no_token() -> None:
    async def scenario() -> None:
        limiter = RateLimiter(rate=10, burst=1)
        await limiter.wait(Priority.WORK)
        given_up = [asyncio.create_task(limiter.wait(Priority.WORK)) for _ in range(10_000)]
        await asyncio.sleep(0)
        for task in given_up:
            task.cancel()
        await limiter.wait(Priority.UPKEEP)

    run(scenario())
