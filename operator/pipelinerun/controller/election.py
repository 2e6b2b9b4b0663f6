"""Taking a lease, keeping it, giving it back.

The client's own election is not used: it waits for a request for as long as that takes, goes by a
clock that may be set, and never gives a lease back.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import NoReturn

from kubernetes.aio.client.exceptions import ApiException

from pipelinerun.controller import clock
from pipelinerun.controller.errors import ErrorKind, classify, message_of, tolerated
from pipelinerun.controller.leadership import Leadership
from pipelinerun.controller.leases import LeaseApi, time_of_lease
from pipelinerun.core.leases import (
    LeaseRecord,
    LeaseTimes,
    SeenLease,
    claimed,
    free_in,
    given_back,
    is_same_term,
    look,
    renewed,
)

logger = logging.getLogger(__name__)


class LeaseLostError(Exception):
    """Another operator may lead from now on, or soon."""


class Election:
    """One operator's part in the election of a leader.

    Attributes:
        informed: whether the lease could ever be read.
    """

    def __init__(
        self,
        leases: LeaseApi,
        identity: str,
        times: LeaseTimes,
        leadership: Leadership,
        extended: Callable[[], None],
    ) -> None:
        """Take part.

        Args:
            leases: the lease.
            identity: no other operator that lives has it.
            times: of the lease.
            leadership: is kept up to date.
            extended: called whenever it was extended.
        """
        self._leases, self._identity, self._times = leases, identity, times
        self._leadership, self._extended = leadership, extended
        self._lease: SeenLease | None = None
        self.informed = False

    async def win(self) -> None:
        """Wait until the lease is free, and take it."""
        told = ""
        while not self._leadership.leads:
            wait, text = await self._try_to_take()
            if text and text != told:
                logger.info("%s", text)
                told = text
            await asyncio.sleep(wait)

    async def keep(self) -> NoReturn:
        """Renew the lease until that fails for too long, or somebody else has it.

        Raises:
            LeaseLostError: as it always ends.
        """
        while self._leadership.leads:
            left = self._leadership.until - clock.now()
            await asyncio.sleep(min(self._times.retry, left))
            if self._leadership.leads:
                await self._try_to_renew()
        self._leadership.end()
        raise LeaseLostError(f"it was not renewed for {self._times.acting:.1f} s")

    async def give_back(self) -> None:
        """Let another operator lead at once. Nothing may be under way any more."""
        if self._lease is None or not self._leadership.leads:
            return
        self._leadership.end()
        with tolerated(logger, "The lease was not given back"):
            record = given_back(self._lease.record, time_of_lease())
            await self._leases.write(record, self._lease.version)
            logger.info("The lease was given back")

    async def _try_to_take(self) -> tuple[float, str]:
        """Returns the seconds to wait, and why."""
        retry = self._times.retry
        try:
            found = await self._leases.read()
            self.informed = True
            self._lease = look(self._lease, found)
            wait = free_in(self._lease, self._identity, self._times, clock.now())
            if wait > 0:
                holder = self._lease.record.holder if self._lease else ""
                return min(wait, retry), f"Standing by: {holder} leads"
            before = None if self._lease is None else self._lease.record
            record = claimed(before, self._identity, self._times, time_of_lease())
            await self._write(record, found)
        except Exception as error:
            kind = classify(error)
            if kind is None:
                raise
            # In a conflict somebody else was faster.
            return retry, "" if kind is ErrorKind.CONFLICT else f"No lease yet: {message_of(error)}"
        return 0.0, f"Leading, by lease {self._leases.namespace}/{self._leases.name}"

    async def _try_to_renew(self) -> None:
        lease = self._lease
        assert lease is not None  # it was taken
        with tolerated(logger, "The lease was not renewed"):
            try:
                await self._write(renewed(lease.record, time_of_lease()), lease)
            except ApiException as error:
                if classify(error) not in {ErrorKind.CONFLICT, ErrorKind.LOST}:
                    raise
                await self._look_again(lease)

    async def _look_again(self, mine: SeenLease) -> None:
        """The lease is another version than was thought: written by whom?"""
        found = await self._leases.read()
        if found is None:
            await self._write(renewed(mine.record, time_of_lease()), None)
        elif is_same_term(mine.record, found.record):
            self._lease = found  # a renewal whose answer never came
        else:
            self._leadership.end()
            raise LeaseLostError(f"{found.record.holder or 'nobody'} has it")

    async def _write(self, record: LeaseRecord, over: SeenLease | None) -> None:
        sent = clock.now()
        self._lease = await self._leases.write(record, None if over is None else over.version)
        self._leadership.extend(sent, self._times)
        self._extended()
