"""Asking workers how far they are, at a bounded rate."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import aiohttp
from pydantic import TypeAdapter, ValidationError

from pipelinerun.api.status import StageStatus
from pipelinerun.controller.pods.pod import AttemptId, Pod
from pipelinerun.controller.pods.template import PORT

INTERVAL = 5.0
"""Seconds between two questions to a worker."""
CONCURRENCY = 16
TIMEOUT = 3.0
_STAGES = TypeAdapter(list[StageStatus])


class Progress:
    """The stages of running attempts, as their workers last told them."""

    def __init__(self) -> None:
        self._stages: dict[AttemptId, tuple[StageStatus, ...]] = {}

    def stages(self, attempt: AttemptId) -> tuple[StageStatus, ...]:
        """How far an attempt is; nothing if that is not known."""
        return self._stages.get(attempt, ())

    def forget(self, attempt: AttemptId) -> None:
        """An attempt is not of interest any more."""
        self._stages.pop(attempt, None)

    async def run(self, pods: Callable[[], Sequence[Pod]]) -> None:
        """Ask all running pods, again and again."""
        places = asyncio.Semaphore(CONCURRENCY)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                running = [pod for pod in pods() if pod.running and pod.ip]
                await asyncio.gather(*(self._ask(session, places, pod) for pod in running))
                await asyncio.sleep(INTERVAL)

    async def _ask(
        self, session: aiohttp.ClientSession, places: asyncio.Semaphore, pod: Pod
    ) -> None:
        # A worker that does not answer is starting, ending or not ours: its pod tells what matters.
        with suppress(aiohttp.ClientError, TimeoutError, ValueError, KeyError, ValidationError):
            async with places, session.get(f"http://{pod.host}:{PORT}/progress") as answer:
                document = await answer.json()
            if (document["uid"], document["attempt"]) == pod.attempt:
                self._stages[pod.attempt] = tuple(_STAGES.validate_python(document["stages"]))
