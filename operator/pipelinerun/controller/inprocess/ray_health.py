"""Whether the Ray of in-process runs works.

If not, this process ends at once: shutting down a Ray that is gone takes a minute, and whoever
started this process cleans up anyway.
"""

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from ray.exceptions import RayError

logger = logging.getLogger(__name__)

_INTERVAL = 2.0
_TIMEOUT = 10.0


async def watch_health() -> None:
    """End this process when Ray does not answer any more."""
    while True:
        await asyncio.sleep(_INTERVAL)
        with _alive_or_exit():
            async with asyncio.timeout(_TIMEOUT):
                nodes = await asyncio.to_thread(ray.nodes)
        if not any(node["Alive"] for node in nodes):
            logger.warning("No node of Ray is alive")
            os._exit(1)


async def works_or_exit() -> None:
    """End this process unless Ray still places work."""
    with _alive_or_exit():
        async with asyncio.timeout(_TIMEOUT):
            await ray.remote(_nothing).options(num_cpus=0, max_retries=0).remote()


def _nothing() -> None:
    """A task that shows it."""


@contextmanager
def _alive_or_exit() -> Iterator[None]:
    try:
        yield
    except (TimeoutError, RayError, ConnectionError, RuntimeError):
        logger.exception("Ray does not answer")
        os._exit(1)
