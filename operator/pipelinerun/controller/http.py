"""Health and metrics over HTTP: ``/healthz``, ``/readyz``, ``/metrics``.

Served by the event loop that does the work: if that hangs, nobody answers.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from pipelinerun.controller.health import Health

logger = logging.getLogger(__name__)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_OK = 200
_UNAVAILABLE = 503


@asynccontextmanager
async def serving(
    port: int | None, health: Health, registry: CollectorRegistry
) -> AsyncIterator[None]:
    """Answer requests until the block ends. Without a port, nothing is served.

    Raises:
        OSError: the port is taken.
    """
    if port is None:
        yield
        return
    app = web.Application()
    app.router.add_get("/healthz", _verdict(health.problems))
    app.router.add_get("/readyz", _verdict(health.unready))
    app.router.add_get("/metrics", _metrics(registry))
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
        logger.info("Health and metrics at port %d", port)
        yield
    finally:
        await runner.cleanup()


def _verdict(problems: Callable[[], list[str]]) -> _Handler:
    async def answer(_request: web.Request) -> web.Response:
        found = problems()
        text = "\n".join(found or ["ok"]) + "\n"
        return web.Response(status=_UNAVAILABLE if found else _OK, text=text)

    return answer


def _metrics(registry: CollectorRegistry) -> _Handler:
    async def answer(_request: web.Request) -> web.Response:
        headers = {"Content-Type": CONTENT_TYPE_LATEST}
        return web.Response(body=generate_latest(registry), headers=headers)

    return answer
