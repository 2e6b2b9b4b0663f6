"""Telling a worker to drain."""

import aiohttp

from pipelinerun.controller.pods.pod import AttemptId, Pod
from pipelinerun.controller.pods.template import PORT

TIMEOUT = 3.0
PATIENCE = 2
"""Times that a worker may fail to hear: one that has just begun does not listen yet."""


class Draining:
    """Workers that are told to drain, and those of them that cannot be told."""

    def __init__(self) -> None:
        self._failures: dict[AttemptId, tuple[int, str]] = {}

    async def tell(self, pod: Pod) -> bool:
        """Tell a worker that its sources are to end; gives whether ``trouble`` is different now.

        Whoever calls this calls again until the worker ends.
        """
        before = self.trouble(pod.attempt)
        error = await _drain(pod)
        if error is None:
            self.forget(pod.attempt)
        else:
            times, _ = self._failures.get(pod.attempt, (0, ""))
            self._failures[pod.attempt] = times + 1, error
        return self.trouble(pod.attempt) != before

    def trouble(self, attempt: AttemptId) -> str | None:
        """Why a worker cannot be told, if so."""
        times, error = self._failures.get(attempt, (0, ""))
        return error if times >= PATIENCE else None

    def forget(self, attempt: AttemptId) -> None:
        """An attempt is not of interest any more."""
        self._failures.pop(attempt, None)


async def _drain(pod: Pod) -> str | None:
    """Why a worker was not told to drain; None if it was."""
    uid, _ = pod.attempt
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            # Nobody but the operator and those who may read the run know its uid.
            session.post(f"http://{pod.host}:{PORT}/drain", data=uid) as answer,
        ):
            answer.raise_for_status()
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"pod {pod.name}: {error or f'no answer within {TIMEOUT:.0f} s'}"
    return None
