"""The line to a gateway: a child that is started for it, or a container beside the operator."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

from pipelinerun.controller.inprocess.protocol import LINE_LIMIT, RaySettings
from pipelinerun.controller.settings import OperatorSettings
from pipelinerun.engine.environment import ENVIRONMENT
from pipelinerun.execution import bootstrap
from pipelinerun.execution.workspace import Workspace

GRACE = 10.0
"""Seconds a child gets to end by itself."""
_KNOCK_SECONDS = 0.5

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def connection(settings: OperatorSettings) -> AbstractAsyncContextManager[Line]:
    """The line to the gateway that the settings ask for."""
    if settings.gateway is not None:
        return _container(settings.gateway)
    return _child(settings)


async def read_line(reader: asyncio.StreamReader) -> bytes:
    """The next line; nothing once the other side is gone."""
    try:
        return await reader.readline()
    except ConnectionError:
        return b""


@asynccontextmanager
async def _container(path: Path) -> AsyncIterator[Line]:
    reader, writer = await _knock(path)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _knock(path: Path) -> Line:
    """Connect as soon as somebody listens: both containers start at once."""
    while True:
        with suppress(FileNotFoundError, ConnectionError):
            return await asyncio.open_unix_connection(path, limit=LINE_LIMIT)
        await asyncio.sleep(_KNOCK_SECONDS)


@asynccontextmanager
async def _child(settings: OperatorSettings) -> AsyncIterator[Line]:
    """A gateway process; nothing of it is left afterwards."""
    workspace = Workspace()
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", bootstrap.__file__),
                *(str(theirs.fileno()), str(os.getpid())),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sys.stderr,
                env={**ENVIRONMENT, **os.environ, **workspace.environment},
                start_new_session=True,
            )
        workspace.watch_session(process.pid)
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=LINE_LIMIT)
        writer.write(_order(settings, workspace))
        try:
            await read_line(reader)  # bootstrap says that the gateway was loaded
            yield reader, writer
        finally:
            writer.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await process.wait()
            if process.returncode is None:
                process.kill()
    finally:
        # It kills whatever is left and waits for it.
        await asyncio.to_thread(workspace.close)


def _order(settings: OperatorSettings, workspace: Workspace) -> bytes:
    """What the child is to run, in the form that ``bootstrap`` expects."""
    request = RaySettings(
        temp_dir=str(workspace.path),
        cpus=settings.ray_cpus,
        object_store=settings.ray_object_store,
        log_format=settings.log_format,
    )
    order = {
        "path": sys.path,
        "argv": sys.argv,
        "target": "pipelinerun.controller.inprocess.server:serve_operator",
        "request": request.model_dump(),
    }
    return json.dumps(order).encode() + b"\n"
