"""The process of a gateway: a child of the operator, or a container beside it.

It starts its Ray, ends with it, and serves one connection at a time: the operator's newest.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ray.exceptions import RayError

from pipelinerun.controller.inprocess.fence import Fence
from pipelinerun.controller.inprocess.gateway import Gateway
from pipelinerun.controller.inprocess.output import Output
from pipelinerun.controller.inprocess.protocol import LINE_LIMIT, Open, RaySettings
from pipelinerun.controller.inprocess.ray_health import watch_health
from pipelinerun.controller.log import LogFormat, set_up_logging
from pipelinerun.engine import printing
from pipelinerun.engine.session import local_ray, logs_of_ray
from pipelinerun.execution import guardian, zombies
from pipelinerun.execution.workspace import Workspace

logger = logging.getLogger(__name__)

_REAP_SECONDS = 1.0


def serve_operator(channel: socket.socket, request: dict[str, Any]) -> int:
    """Serve the operator at the other end of the channel until it hangs up or Ray is gone."""
    settings = RaySettings.model_validate(request)
    set_up_logging(settings.log_format)
    asyncio.run(_serve_channel(channel, settings))
    sys.stdout.flush()
    # Threads of Ray's client may wait for a Ray that is gone.
    os._exit(0)


def serve_socket(
    path: Path, *, cpus: int | None, object_store: int | None, log_format: LogFormat
) -> None:
    """Serve whoever connects to a Unix socket until SIGTERM or SIGINT, or until Ray is gone.

    Args:
        path: of the socket; what is there is replaced.
        cpus: see ``RaySettings``.
        object_store: see ``RaySettings``.
        log_format: see ``RaySettings``.

    Raises:
        OSError: there can be no socket at that path.
    """
    set_up_logging(log_format)
    zombies.reap_for_ever(_REAP_SECONDS)
    with Workspace() as workspace:
        os.environ.update(workspace.environment)
        settings = RaySettings(
            temp_dir=str(workspace.path),
            cpus=cpus,
            object_store=object_store,
            log_format=log_format,
        )
        asyncio.run(_serve_socket(path, settings))


class Server:
    """Serves connections, one at a time: a new one takes the place of the one before."""

    def __init__(self, fence: Fence, output: Output) -> None:
        self._fence, self._output = fence, output
        self.ray_is_up = asyncio.Event()
        self._turn = asyncio.Lock()
        self._serving: asyncio.Task[None] | None = None

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection, in a task of its own, once the one before has ended."""
        self.close()
        self._serving = asyncio.create_task(self.serve(reader, writer))

    def close(self) -> None:
        """Serve no more."""
        if self._serving is not None:
            self._serving.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection until it ends."""
        try:
            async with self._turn:
                await self._serve(reader, writer)
        except* ValidationError as errors:
            logger.error("The operator speaks another language: %s", errors.exceptions[0])  # noqa: TRY400 - no traceback
        except* (RayError, ConnectionError) as errors:
            logger.warning("The connection is given up: %s", errors.exceptions[0])
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if not line:
            return
        opened = Open.model_validate_json(line)
        gateway = Gateway(opened.capacity, writer, self._fence, self._output)
        try:
            async with asyncio.TaskGroup() as group:
                # Meanwhile the operator may have to say that it still leads.
                beginning = group.create_task(self._begin(gateway))
                await gateway.serve(reader)
                beginning.cancel()
        finally:
            gateway.close()

    async def _begin(self, gateway: Gateway) -> None:
        await self.ray_is_up.wait()
        await gateway.adopt()


async def _serve_channel(channel: socket.socket, settings: RaySettings) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=channel, limit=LINE_LIMIT)
    output = _output(settings)
    server = Server(_fence(settings), output)
    async with _ray(settings, output):
        server.ray_is_up.set()
        await server.serve(reader, writer)


async def _serve_socket(path: Path, settings: RaySettings) -> None:
    told = asyncio.Event()
    _listen(told)
    path.unlink(missing_ok=True)  # left by one that was killed
    output = _output(settings)
    server = Server(_fence(settings), output)
    async with await asyncio.start_unix_server(server.accept, path, limit=LINE_LIMIT):
        async with _ray(settings, output):
            _listen(told)  # again: Ray's handler of SIGTERM aborts
            server.ray_is_up.set()
            logger.info("Ray is up; serving the operator at %s", path)
            await told.wait()
        server.close()


def _fence(settings: RaySettings) -> Fence:
    """Ends this process with all that it has started: Ray, drivers, stages."""

    def end() -> None:
        logger.warning("The operator does not lead any more: all runs here end")
        guardian.sweep(settings.temp_dir, session=0, spared={os.getpid()})
        os._exit(1)

    return Fence(end)


def _listen(told: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)


def _output(settings: RaySettings) -> Output:
    """Where Ray's processes, which are started later, leave what runs print."""
    folder = Path(settings.temp_dir)
    os.environ[printing.FOLDER] = str(folder / "output")
    return Output(folder / "output", logs_of_ray(folder), settings.log_format)


@asynccontextmanager
async def _ray(settings: RaySettings, output: Output) -> AsyncIterator[None]:
    """Ray, under watch.

    It is entered in a thread: on the main thread Ray would replace the handler of SIGTERM.
    """
    session = local_ray(
        Path(settings.temp_dir),
        num_cpus=settings.cpus,
        object_store_memory=settings.object_store,
        shared=True,
    )
    await asyncio.to_thread(session.__enter__)
    output.start()
    health = asyncio.create_task(watch_health())
    try:
        yield
    finally:
        health.cancel()
        await asyncio.to_thread(session.__exit__, None, None, None)
        await asyncio.to_thread(output.finish)
