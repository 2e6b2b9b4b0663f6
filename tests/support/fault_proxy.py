"""A proxy before the API server that makes requests and watches go wrong, at chosen rates.

What it does is what networks, load balancers and API servers under load do. Whoever talks through
it keeps their own credentials; the way from the proxy to the API server is TLS, as ever.

It never lies where Kubernetes never does: a single object is always read as it is. Only listings,
which a lagging cache may serve, come from the past; a watch from there shows what came since.
"""

import asyncio
import json
import random
import ssl
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector, web
from multidict import CIMultiDict

from tests.cluster.controlplane import ControlPlane

_HOST = "127.0.0.1"
_START_TIMEOUT = 30.0
_POLL = 0.05
_REMEMBERED = 6
"""Listings of one kind that are kept, to be told once more."""
_OWN_HEADERS = frozenset(
    {
        *("host", "connection", "keep-alive", "transfer-encoding", "content-length", "upgrade"),
        *("accept-encoding", "te", "trailer"),
    }
)
"""Headers that belong to one connection and are not passed on."""
_MAY_CONFLICT = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True)
class Faults:
    """What goes wrong, each as a share between 0 and 1; seconds are drawn up to the longest.

    Attributes:
        conflict: of writes: 409, and nothing is written.
        throttled: of requests: 429, half of them with Retry-After.
        failed: of requests: 500, and nothing is done.
        unheard: of requests: they get lost; the connection breaks.
        unanswered: of requests: they are done, and the answer gets lost.
        late: of requests: they are done later, even if nobody waits any more.
        held: of requests: the connection breaks, and they are done when nothing is held any more.
        stale: of listings: they show an earlier state.
        expired: of watches: 410 as their first event.
        dropped: of events: the watch breaks in the middle of one.
        delayed: of events: it, and what follows, comes later.
        only: what method and path of a request have in them, for faults to happen to it.
        longest_silence: seconds before a connection breaks.
        longest_delay: seconds by which something is late.
    """

    conflict: float = 0.0
    throttled: float = 0.0
    failed: float = 0.0
    unheard: float = 0.0
    unanswered: float = 0.0
    late: float = 0.0
    held: float = 0.0
    stale: float = 0.0
    expired: float = 0.0
    dropped: float = 0.0
    delayed: float = 0.0
    only: str = ""
    longest_silence: float = 2.0
    longest_delay: float = 2.0


@dataclass(frozen=True)
class _Answer:
    """An answer that has been received whole."""

    status: int
    headers: CIMultiDict[str]
    body: bytes


class FaultProxy:
    """A proxy for the length of a ``with`` block, in a thread of its own.

    Attributes:
        faults: what goes wrong from now on; may be replaced at any time.
        injected: how often each of them has happened so far.
        watches: that go on now.
    """

    def __init__(self, plane: ControlPlane, folder: Path, faults: Faults, seed: int) -> None:
        """Prepare a proxy.

        Args:
            plane: the control plane behind it.
            folder: where kubeconfigs are written.
            faults: what goes wrong at first.
            seed: of the dice.
        """
        self.faults = faults
        self.injected: Counter[str] = Counter()
        self.watches = 0
        self._plane, self._folder = plane, folder
        self._dice = random.Random(seed)
        self._past: dict[str, deque[_Answer]] = defaultdict(lambda: deque(maxlen=_REMEMBERED))
        self._tasks: set[asyncio.Task[Any]] = set()
        self._url = ""
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._told = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="fault proxy")

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(_START_TIMEOUT) or not self._url:
            raise RuntimeError("the proxy did not start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._told.set)
        self._thread.join()

    def kubeconfig_for(self, user: str) -> Path:
        """Credentials of a user of the control plane, for the way through the proxy."""
        document = yaml.safe_load(self._plane.kubeconfig_for(user).read_text())
        for entry in document["clusters"]:
            entry["cluster"] = {"server": self._url}
        path = self._folder / f"{user}-by-proxy.kubeconfig"
        path.write_text(yaml.safe_dump(document))
        return path

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve())
        finally:
            self._started.set()

    async def _serve(self) -> None:
        authority = ssl.create_default_context(cafile=str(self._plane.authority))
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        # Whoever goes away is not waited for; what they have asked for is done nevertheless.
        runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            handler_cancellation=True,
            shutdown_timeout=0.1,
        )
        async with ClientSession(
            connector=TCPConnector(ssl=authority, limit=0),
            timeout=ClientTimeout(total=None),
            auto_decompress=False,
        ) as self._session:
            await runner.setup()
            site = web.TCPSite(runner, _HOST, 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            self._url = f"http://{host}:{port}"
            self._started.set()
            await self._told.wait()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await runner.cleanup()

    def _happens(self, fault: str, request: web.Request) -> bool:
        """Throw the dice for one kind of fault."""
        if self.faults.only not in f"{request.method} {request.path}":
            return False
        if self._dice.random() >= getattr(self.faults, fault):
            return False
        self.injected[fault] += 1
        return True

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("watch") in {"true", "1"}:
            return await self._watch(request)
        if request.method in _MAY_CONFLICT and self._happens("conflict", request):
            return _refused(409, "Conflict", "the object has been modified")
        if self._happens("throttled", request):
            headers = {"Retry-After": "1"} if self._dice.random() < 0.5 else {}
            return _refused(429, "TooManyRequests", "too many requests", headers)
        if self._happens("failed", request):
            return _refused(500, "InternalError", "etcdserver: leader changed")
        held = self._happens("held", request)
        if held:
            self._spawn(self._ask_later(request, await request.read()))
        if held or self._happens("unheard", request):
            return await self._hang_up(request)
        question = _question(request)
        if request.method == "GET" and self._past[question] and self._happens("stale", request):
            return _told(self._dice.choice(self._past[question]))
        asked = self._spawn(self._ask(request, await request.read()))
        if self._happens("unanswered", request):
            await asyncio.wait([asked])
            return await self._hang_up(request)
        answer = await asyncio.shield(asked)
        return await self._hang_up(request) if answer is None else _told(answer)

    async def _ask_later(self, request: web.Request, body: bytes) -> _Answer | None:
        while self.faults.held:
            await asyncio.sleep(_POLL)
        return await self._ask(request, body)

    async def _ask(self, request: web.Request, body: bytes) -> _Answer | None:
        """Have something done; None if the API server cannot be reached."""
        if self._happens("late", request):
            await asyncio.sleep(self._seconds(self.faults.longest_delay))
        try:
            async with self._forwarded(request, body) as received:
                answer = _Answer(received.status, _passed_on(received), await received.read())
        except ClientError:
            return None
        if request.method == "GET" and b'List"' in answer.body[:256]:
            self._past[_question(request)].append(answer)
        return answer

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        self.watches += 1
        try:
            async with self._forwarded(request, b"") as received:
                response = web.StreamResponse(status=received.status, headers=_passed_on(received))
                await response.prepare(request)
                if self._happens("expired", request):
                    await response.write(_EXPIRED)
                    return response
                waiting = b""
                async for piece in received.content.iter_any():
                    *events, waiting = (waiting + piece).split(b"\n")
                    for event in events:
                        if self._happens("delayed", request):
                            await asyncio.sleep(self._seconds(self.faults.longest_delay))
                        if self._happens("dropped", request):
                            await response.write(event[: len(event) // 2])
                            _break(request)
                            return response
                        await response.write(event + b"\n")
                await response.write(waiting)
                return response
        except (ClientError, ConnectionError):
            _break(request)
            return web.Response()
        finally:
            self.watches -= 1

    def _forwarded(self, request: web.Request, body: bytes) -> Any:
        headers = [
            (key, it) for key, it in request.headers.items() if key.lower() not in _OWN_HEADERS
        ]
        url = f"{self._plane.url}{request.raw_path}"
        return self._session.request(
            request.method, url, headers=CIMultiDict(headers), data=body or None
        )

    async def _hang_up(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self._seconds(self.faults.longest_silence))
        _break(request)
        return web.Response()

    def _seconds(self, longest: float) -> float:
        return self._dice.uniform(0, longest)

    def _spawn(self, work: Coroutine[Any, Any, _Answer | None]) -> "asyncio.Task[_Answer | None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _status(code: int, reason: str, message: str) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


_EXPIRED = (
    json.dumps(
        {"type": "ERROR", "object": _status(410, "Expired", "too old resource version")}
    ).encode()
    + b"\n"
)


def _refused(
    code: int, reason: str, message: str, headers: dict[str, str] | None = None
) -> web.Response:
    return web.json_response(_status(code, reason, message), status=code, headers=headers)


def _question(request: web.Request) -> str:
    """What is asked for, and in which form: the key of answers that may stand for another."""
    return f"{request.raw_path} {request.headers.get('Accept', '')}"


def _passed_on(received: ClientResponse) -> CIMultiDict[str]:
    return CIMultiDict(
        (key, it) for key, it in received.headers.items() if key.lower() not in _OWN_HEADERS
    )


def _told(answer: _Answer) -> web.Response:
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


def _break(request: web.Request) -> None:
    """Have the connection break, without a word."""
    if request.transport is not None:
        request.transport.abort()
