"""The operator's side of in-process runs: sightings of attempts, and a gateway kept alive."""

import asyncio
import logging
from collections.abc import Callable, Collection

from pipelinerun.api.job import PipelineJob
from pipelinerun.api.spec import Shutdown
from pipelinerun.api.status import Worker
from pipelinerun.controller.client import namespace_of_pod
from pipelinerun.controller.inprocess.connection import connection, read_line
from pipelinerun.controller.inprocess.protocol import (
    FROM_GATEWAY,
    AttemptKey,
    Ended,
    Extend,
    FromGateway,
    Hello,
    Lost,
    Open,
    Progress,
    Release,
    Start,
    Stop,
    ToGateway,
    encode,
)
from pipelinerun.controller.leadership import Leadership
from pipelinerun.controller.places import Places
from pipelinerun.controller.realiser import never_started
from pipelinerun.controller.runs import Run, RunKey
from pipelinerun.controller.settings import OperatorSettings
from pipelinerun.core import reasons
from pipelinerun.core.observed import Refusal, Sighting, Wait

logger = logging.getLogger(__name__)

RESTART_DELAY = 1.0
"""Seconds before a gateway that has ended is started again; doubled with each failure."""
LONGEST_RESTART_DELAY = 30.0
_GRACE = 30.0
"""For a run whose spec cannot be read any more."""


class InProcessRealiser:
    """A ``Realiser`` that gives attempts to drivers on Ray, through a gateway process."""

    restartable = False

    def __init__(
        self,
        settings: OperatorSettings,
        leadership: Leadership,
        *,
        namespaces: Collection[str],
        announce: Callable[[RunKey], None],
        announce_all: Callable[[], None],
    ) -> None:
        """Prepare a realiser.

        Args:
            settings: what the operator was started with.
            leadership: nothing is started or ended without it.
            namespaces: whose runs are allowed.
            announce: told the key of a run of which something new is seen.
            announce_all: called when it is known anew what is running: any run may be affected.
        """
        self._settings = settings
        self._worker = Worker(operator=settings.identity, operator_namespace=namespace_of_pod())
        self._namespaces = namespaces
        self._announce = announce
        self._announce_all = announce_all
        self._places = Places(settings.in_process_capacity)
        self._sightings: dict[AttemptKey, Sighting] = {}
        self._leadership = leadership
        self._line: asyncio.StreamWriter | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def ready(self) -> bool:
        """Whether the gateway has said what is running. Where there is none, nothing is."""
        return self._writer is not None or not self._settings.in_process

    def worker(self, _run: Run, _number: int) -> Worker:
        """This operator."""
        return self._worker

    async def look(self, run: Run) -> None:
        """What the gateway does not know does not run."""

    def refusal(self, run: Run) -> Refusal | None:
        """Runs of other namespaces have no place in the operator's own Ray."""
        if not self._settings.in_process:
            text = "this operator runs nothing in its own pod; leave out spec.mode"
            return Refusal(reasons.MODE_NOT_SUPPORTED, text)
        if run.namespace in self._namespaces:
            return None
        text = f"this operator does not allow in-process runs in namespace {run.namespace}"
        return Refusal(reasons.NAMESPACE_NOT_ALLOWED, text)

    def sighting(self, uid: str, number: int) -> Sighting | None:
        """What the gateway last said of an attempt."""
        keys = (key for key in self._sightings if (key.uid, key.number) == (uid, number))
        return next((self._sightings[key] for key in keys), None)

    def wait(self, run: Run) -> Wait | None:
        """Runs wait for Ray, then for a place."""
        if not self.ready:
            return Wait(reasons.WAITING_FOR_RAY, "Waiting for the operator's Ray to start")
        if not self._places.offer(run.key, run.created):
            capacity = self._places.capacity
            text = f"Waiting for one of the operator's {capacity} in-process places"
            return Wait(reasons.WAITING_FOR_PLACE, text)
        return None

    def reserve(self, key: RunKey) -> None:
        """Keep a place for a run, before anything else is awaited."""
        self._places.take(key)

    async def start(self, _run: Run, job: PipelineJob) -> None:
        """Give an attempt to the gateway."""
        key = AttemptKey.of(job.run)
        if key in self._sightings:
            return
        self._sightings[key] = Sighting(key.number, "Starting")
        self._send(Start(job=job))

    def refuse(self, run: Run, job: PipelineJob, message: str) -> None:
        """No driver is to have it."""
        key = AttemptKey.of(job.run)
        self._sightings[key] = never_started(key.number, message)
        self._announce(run.key)

    async def stop(self, run: Run, number: int, how: Shutdown) -> None:
        """Have the gateway tell the driver."""
        grace = run.spec.termination_grace_period_seconds if run.spec else _GRACE
        for key, sighting in self._sightings.items():
            if (key.uid, key.number) == (run.uid, number) and sighting.under_way:
                self._send(Stop(key=key, how=how, grace=grace))

    async def end(self, run: Run) -> None:
        """``release`` does that."""

    def release(self, key: RunKey, keep_uid: str | None = None) -> None:
        """End what still runs, forget the rest, and let the next one in."""
        for attempt in [*self._sightings]:
            if _run_key(attempt) == key and attempt.uid != keep_uid:
                del self._sightings[attempt]
                self._send(Release(key=attempt))
        if keep_uid is None and self._places.leave(key):
            for waiting in self._places.next():
                self._announce(waiting)

    def extend(self) -> None:
        """Let what runs go on for as long as this operator leads."""
        if self._line is not None and self._leadership.leads:
            until = self._leadership.until if self._leadership.elected else None
            self._line.write(encode(Extend(until=until)))

    @property
    def ends_with_operator(self) -> bool:
        """Whether nothing of this operator's goes on running when it ends now."""
        if not self._settings.in_process or self._settings.gateway is None:
            return True  # the gateway is a child
        under_way = any(sighting.under_way for sighting in self._sightings.values())
        return self._writer is not None and not under_way

    async def run(self) -> None:
        """Keep a line to a gateway, for ever."""
        delay = RESTART_DELAY
        while self._settings.in_process:
            served = await self._one_gateway()
            delay = RESTART_DELAY if served else min(2 * delay, LONGEST_RESTART_DELAY)
            logger.warning("Ray or its gateway has ended; starting again in %.0f s", delay)
            await asyncio.sleep(delay)

    async def _one_gateway(self) -> bool:
        """Start a gateway and listen until it ends; returns whether it ever was ready."""
        async with connection(self._settings) as (reader, writer):
            self._line = writer
            writer.write(encode(Open(capacity=self._settings.in_process_capacity)))
            self.extend()
            try:
                while line := await read_line(reader):
                    self._hear(FROM_GATEWAY.validate_json(line), writer)
            except ValueError as error:
                # Stages share a container with the gateway: nothing they send may end the operator.
                logger.error("The gateway speaks another language: %s", error)  # noqa: TRY400 - no traceback
            served = self._writer is not None
            self._line = self._writer = None
            return served

    def _hear(self, message: FromGateway, writer: asyncio.StreamWriter) -> None:
        match message:
            case Hello(attempts=attempts):
                self._writer = writer
                self._adopt(attempts)
                return
            case Progress(key=key, stages=stages):
                sighting = Sighting(key.number, "Running", stages=tuple(stages))
            case Ended(key=key, outcome=outcome):
                sighting = Sighting(key.number, "Ended", outcome=outcome)
            case Lost(key=key, message=text):
                sighting = Sighting(key.number, "Lost", message=text)
        known = self._sightings.get(key)
        if known is None or not known.under_way:
            return  # progress that was on its way when the end was told undoes nothing
        self._sightings[key] = sighting
        if known.sight != sighting.sight:
            self._announce(_run_key(key))

    def _adopt(self, attempts: list[AttemptKey]) -> None:
        """Start from what the gateway knows; whatever it does not know is gone."""
        ended = {key: s for key, s in self._sightings.items() if s.sight == "Ended"}
        self._sightings = {key: Sighting(key.number, "Running") for key in attempts} | ended
        for key in self._sightings:
            self._places.take(_run_key(key))
        self.announce_known()
        logger.info("Ray is ready; %d attempts are running on it", len(attempts))
        self._announce_all()

    def announce_known(self) -> None:
        """Have every run looked at of which there is an attempt, also those that are gone."""
        for key in [*self._sightings]:
            self._announce(_run_key(key))

    def _send(self, message: ToGateway) -> None:
        # Without a gateway nothing is lost: the next one says what is running.
        if self._writer is not None and self._leadership.leads:
            self._writer.write(encode(message))


def _run_key(key: AttemptKey) -> RunKey:
    return key.namespace, key.name
