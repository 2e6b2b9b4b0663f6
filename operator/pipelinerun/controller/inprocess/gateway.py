"""The gateway: the one client of the operator's Ray, on behalf of one connection of the operator.

What runs is found again by asking the drivers.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError

from pipelinerun.api.code_files import code_hash
from pipelinerun.api.exit_codes import SIGNAL_BASE
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.spec import Shutdown
from pipelinerun.api.status import Failure, Outcome, StageStatus
from pipelinerun.controller.inprocess.driver import ACTOR_NAMESPACE, CONCURRENCY, Driver
from pipelinerun.controller.inprocess.fence import Fence
from pipelinerun.controller.inprocess.judge import lost_or_ended
from pipelinerun.controller.inprocess.output import Output, subject_of
from pipelinerun.controller.inprocess.pool import Slot, choose, to_create, to_end
from pipelinerun.controller.inprocess.protocol import (
    TO_GATEWAY,
    AttemptKey,
    Ended,
    Extend,
    FromGateway,
    Hello,
    Lost,
    Progress,
    Release,
    Start,
    Stop,
    encode,
)
from pipelinerun.controller.inprocess.ray_health import works_or_exit
from pipelinerun.controller.subject import about

logger = logging.getLogger(__name__)

POLL_INTERVAL = 1.0
"""Seconds between two looks at the progress of a driver."""
ADOPT_TIMEOUT = 20.0
OUTPUT_TIMEOUT = 10.0
"""Seconds that the end of an attempt waits for the log to take what it has printed."""
_TELL_INTERVAL = 0.1


class Actor(Slot):
    """A driver in the pool, with its Ray handle."""

    def __init__(self, name: str, handle: Any) -> None:
        super().__init__(name)
        self.handle = handle
        self.key: AttemptKey | None = None
        self.told: set[Shutdown] = set()


class Gateway:
    """Gives attempts to drivers and tells the operator how they fare."""

    def __init__(
        self, capacity: int, writer: asyncio.StreamWriter, fence: Fence, output: Output
    ) -> None:
        self._capacity = capacity
        self._fence, self._output = fence, output
        self._writer = writer
        self._epoch = time.time_ns()
        self._actors: list[Actor] = []
        self._queued: dict[AttemptKey, PipelineJob] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def adopt(self) -> None:
        """Find the drivers that are there, then say hello with what they are running."""
        names = [
            entry["name"]
            for entry in ray.util.list_named_actors(all_namespaces=True)
            if entry["namespace"] == ACTOR_NAMESPACE
        ]
        for actor in await asyncio.gather(*map(self._find, names)):
            if actor is not None:
                self._actors.append(actor)
                self._spawn(self._follow(actor))
        running = [actor.key for actor in self._actors if actor.key]
        self._output.keep(running)
        self._send(Hello(attempts=running))
        self._balance()

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Do what the operator says until it hangs up."""
        while line := await reader.readline():
            message = TO_GATEWAY.validate_json(line)
            match message:
                case Extend(until=until):
                    self._fence.extend(until)
                case Start(job=job):
                    self._start(job)
                case Stop(key=key, how=how, grace=grace):
                    self._stop(key, how, grace)
                case Release(key=key):
                    self._release(key)

    def close(self) -> None:
        """Ask Ray for nothing more."""
        for task in self._tasks:
            task.cancel()

    def _start(self, job: PipelineJob) -> None:
        key = AttemptKey.of(job.run)
        if key in self._queued or any(actor.key == key for actor in self._actors):
            return
        # What the operator has said before about its lease has been heard by now.
        self._fence.guard()
        self._queued[key] = job
        self._balance()

    def _stop(self, key: AttemptKey, how: Shutdown, grace: float) -> None:
        if self._queued.pop(key, None) is not None:
            message = "the attempt was stopped before it began"
            self._send(Ended(key=key, outcome=_stopped(message, signal.SIGTERM)))
        for actor in self._actors:
            if actor.key == key and how not in actor.told:
                actor.told.add(how)
                self._spawn(self._tell(actor, key, how))
                if how == "Terminate":
                    self._spawn(self._kill_after(grace, actor, key))

    async def _tell(self, actor: Actor, key: AttemptKey, how: Shutdown) -> None:
        """Tell a driver, which may still be on its way to begin."""
        with suppress(RayError):
            while actor.key == key and actor in self._actors:
                if await actor.handle.stop.remote(self._epoch, key.model_dump_json(), how):
                    return
                await asyncio.sleep(_TELL_INTERVAL)

    async def _kill_after(self, grace: float, actor: Actor, key: AttemptKey) -> None:
        await asyncio.sleep(grace)
        if actor.key != key or actor not in self._actors:
            return
        self._end(actor)
        await self._complete(key)
        message = f"the attempt did not end within its grace of {grace:.0f} s and was killed"
        self._send(Ended(key=key, outcome=_stopped(message, signal.SIGKILL)))
        self._balance()

    def _release(self, key: AttemptKey) -> None:
        self._queued.pop(key, None)
        for actor in [*self._actors]:
            if actor.key == key:
                self._end(actor)
        self._balance()

    def _balance(self) -> None:
        """Give queued attempts to idle drivers, then see to it that there are enough drivers."""
        for key, job in list(self._queued.items()):
            code = code_hash(job.code)
            actor = choose(self._actors, code)
            if actor is not None:
                del self._queued[key]
                self._assign(actor, job, code)
        created = to_create(self._actors, self._capacity, len(self._queued))
        for actor in to_end(self._actors, self._capacity, created):
            self._end(actor)
        for _ in range(created):
            self._create()

    def _assign(self, actor: Actor, job: PipelineJob, code: str) -> None:
        actor.state, actor.code, actor.key = "busy", code, AttemptKey.of(job.run)
        actor.told.clear()
        # Order of the list is order of last use.
        self._actors.remove(actor)
        self._actors.append(actor)
        self._spawn(self._run(actor, job, code))

    async def _run(self, actor: Actor, job: PipelineJob, code: str) -> None:
        key = AttemptKey.of(job.run)
        try:
            await asyncio.to_thread(self._output.open, key)
        except OSError as error:
            with about(subject_of(key)):
                logger.warning("What it prints is not told from what others print: %s", error)
        try:
            accepted = await actor.handle.start.remote(
                self._epoch, job.model_dump_json(by_alias=True), code
            )
        except RayActorError as error:
            self._died(actor, error)
            return
        if not accepted:
            self._died(actor, RuntimeError("the driver belongs to another gateway"))
            return
        await self._follow(actor)

    async def _follow(self, actor: Actor) -> None:
        """Report an attempt's progress until its end."""
        key = actor.key
        if key is None:
            return
        polling = asyncio.create_task(self._poll(actor, key))
        try:
            outcome = Outcome.model_validate_json(await actor.handle.outcome.remote())
        except RayError as error:
            self._died(actor, error)
            return
        finally:
            polling.cancel()
        await self._complete(key)
        if actor in self._actors:
            actor.state, actor.key = "idle", None
            self._send(self._with_tail(Ended(key=key, outcome=outcome)))
            self._balance()

    async def _poll(self, actor: Actor, key: AttemptKey) -> None:
        with suppress(RayError):
            while True:
                stages = await actor.handle.progress.remote()
                parsed = [StageStatus.model_validate_json(stage) for stage in stages]
                self._send(Progress(key=key, stages=parsed))
                await asyncio.sleep(POLL_INTERVAL)

    def _create(self) -> None:
        name = f"driver-{time.time_ns()}"
        handle = (
            ray.remote(Driver)
            .options(
                name=name,
                namespace=ACTOR_NAMESPACE,
                lifetime="detached",
                num_cpus=0,
                max_restarts=0,
                max_concurrency=CONCURRENCY,
            )
            .remote()
        )
        actor = Actor(name, handle)
        self._actors.append(actor)
        self._spawn(self._warm_up(actor))

    async def _warm_up(self, actor: Actor) -> None:
        try:
            await actor.handle.warm_up.remote()
        except RayError as error:
            self._died(actor, error)
            return
        actor.state = "idle"
        self._balance()

    def _end(self, actor: Actor) -> None:
        """End a driver, and with it whatever it runs."""
        if actor in self._actors:
            self._actors.remove(actor)
        ray.kill(actor.handle)

    def _died(self, actor: Actor, error: Exception) -> None:
        """Report the end of a driver that nobody asked for."""
        if actor not in self._actors:
            return
        self._end(actor)
        if actor.key is not None:
            self._spawn(self._report(lost_or_ended(actor.key, str(error))))
        else:
            logger.warning("Driver %s is gone: %s", actor.name, error)
        # A Ray that kills every driver must not be flooded with new ones.
        self._spawn(self._balance_later())

    async def _report(self, end: Ended | Lost) -> None:
        """Report the end of an attempt whose driver is gone.

        Lost only while Ray works: the operator would give the next attempt to a Ray that is dying.
        If Ray is gone, the next gateway's hello says that the attempt is lost.
        """
        if isinstance(end, Lost):
            await works_or_exit()
        await self._complete(end.key)
        self._send(self._with_tail(end) if isinstance(end, Ended) else end)

    def _with_tail(self, end: Ended) -> Ended:
        """With the last lines of the attempt, if it failed and nothing tells more."""
        failure = end.outcome.failure
        if failure is None or failure.tail:
            return end
        tail = self._output.tail(end.key, failure.stage)
        return end.model_copy(update={"outcome": end.outcome.with_tail(tail)})

    async def _complete(self, key: AttemptKey) -> None:
        """Have the log show all that an attempt has printed, before its end is told."""
        try:
            async with asyncio.timeout(OUTPUT_TIMEOUT):
                await asyncio.to_thread(self._output.complete, key)
        except TimeoutError:
            with about(subject_of(key)):
                logger.warning("The log is written too slowly to show the end of the attempt")

    async def _balance_later(self) -> None:
        await asyncio.sleep(POLL_INTERVAL)
        self._balance()

    async def _find(self, name: str) -> Actor | None:
        """Adopt a driver. One that cannot say what it runs is ended: it counts as lost."""
        try:
            handle = ray.get_actor(name, namespace=ACTOR_NAMESPACE)
        except ValueError:
            return None  # gone since it was listed
        try:
            async with asyncio.timeout(ADOPT_TIMEOUT):
                assigned = await handle.adopt.remote(self._epoch)
        except (RayError, TimeoutError) as error:
            logger.warning("Driver %s cannot be adopted: %s", name, error)
            ray.kill(handle)
            return None
        actor = Actor(name, handle)
        if assigned is None:
            # It may still be warming up for a gateway that is gone; another one costs seconds.
            ray.kill(handle)
            return None
        key_json, code = assigned
        actor.state, actor.code = "busy", code
        actor.key = AttemptKey.model_validate_json(key_json)
        return actor

    def _send(self, message: FromGateway) -> None:
        self._writer.write(encode(message))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _stopped(message: str, number: signal.Signals) -> Outcome:
    failure = Failure(class_="Cancelled", message=message, signal=number)
    return Outcome(exit_code=SIGNAL_BASE + number, failure=failure)
