"""Telling a worker to drain."""

import logging

import aiohttp

from pipelinerun.controller.pods.pod import Pod
from pipelinerun.controller.pods.template import PORT

TIMEOUT = 3.0

logger = logging.getLogger(__name__)


async def drain(pod: Pod) -> None:
    """Tell a worker that its sources are to end. Whoever calls this calls again until it ends."""
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
        logger.warning("Pod %s/%s does not drain yet: %s", pod.run[0], pod.name, error)
