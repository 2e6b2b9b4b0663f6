"""The rate limiter of our own requests to the API server."""

import asyncio
import math

from pipelinerun.controller.backoff import doubled
from pipelinerun.controller.priorities import FairQueue, Priority

LONGEST_PAUSE = 60.0
"""Seconds for which one answer can hold back all requests at most."""
_ROUNDING = 1e-6
_FIRST_PAUSE = 1.0
_LONGEST_GUESS = 30.0
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


class TokenBucket:
    """Tokens that come at a steady rate, up to a burst. Times are the caller's, in seconds."""

    def __init__(self, rate: float, burst: int) -> None:
        self._interval, self._tolerance = 1 / rate, (burst - 1) / rate
        self._full = -math.inf  # when all tokens will have come again

    def take(self, now: float) -> float:
        """Take a token: 0.0 if there was one, else the seconds until there will be."""
        full = max(self._full, now)
        delay = full - self._tolerance - now
        if delay > _ROUNDING:
            return delay
        self._full = full + self._interval
        return 0.0


class Backoff:
    """How long to leave a server alone, by what it answers."""

    def __init__(self) -> None:
        self._refusals = 0

    def after(self, status: int, retry_after: str | None) -> float:
        """Seconds to make no request after an answer.

        Args:
            status: of the answer.
            retry_after: the header of that name, if there is one.
        """
        if status == _TOO_MANY_REQUESTS:
            guess = doubled(_FIRST_PAUSE, self._refusals, _LONGEST_GUESS)
            self._refusals += 1
            return _seconds(retry_after, guess)
        if status >= _SERVER_ERROR:
            return _seconds(retry_after, 0.0)
        self._refusals = 0
        return 0.0


def _seconds(header: str | None, otherwise: float) -> float:
    """The header as seconds. Dates, which it may hold as well, come from no API server."""
    try:
        seconds = float(header or "")
    except ValueError:
        return otherwise
    return min(max(0.0, seconds), LONGEST_PAUSE) if math.isfinite(seconds) else otherwise


class RateLimiter:
    """Lets requests through at a rate, the more urgent first, and none while the server is to rest.

    All methods belong to one event loop.
    """

    def __init__(self, rate: float, burst: int) -> None:
        """Prepare a limiter.

        Args:
            rate: requests a second.
            burst: requests at once after a quiet time.
        """
        self._bucket, self._backoff = TokenBucket(rate, burst), Backoff()
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()
        self._resume = -math.inf
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, priority: Priority) -> None:
        """Wait until a request may be made."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put(turn, priority)
        if self._timer is None:
            self._let_through()
        await turn

    def heed(self, status: int, retry_after: str | None) -> None:
        """Take in how the server answered."""
        now = asyncio.get_running_loop().time()
        if status == _TOO_MANY_REQUESTS and retry_after is None and now < self._resume:
            return  # an answer to what was under way when the pause began
        self._resume = max(self._resume, now + self._backoff.after(status, retry_after))

    def _let_through(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        while len(self._waiting):
            delay = max(0.0, self._resume - loop.time()) or self._bucket.take(loop.time())
            if delay > 0:
                self._timer = loop.call_later(delay, self._let_through)
                return
            turn = self._waiting.get()
            if not turn.done():  # whoever waited may have given up
                turn.set_result(None)
