"""Whether the watch shows what the API server has.

A watch can die without an error, and kopf does not tell what was deleted while a watch was down.
So what was shown is compared with a listing, now and then. Whatever differs at two comparisons in a
row is not on its way: versions that are still not shown mean that the watch is stalled; what is
gone from the server is taken for deleted.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from pipelinerun.controller.errors import classify, message_of
from pipelinerun.controller.runs import Body, RunKey
from pipelinerun.controller.subject import Subject, about

logger = logging.getLogger(__name__)

RUNS = "PipelineRuns"
"""The kind of a watch of runs."""

FIRST_INTERVAL = 0.2
"""Seconds between comparisons until the first listing has been shown."""
INTERVAL = 60.0


@dataclass(frozen=True)
class Version:
    """One version of one object."""

    key: RunKey
    number: int


Versions = Mapping[str, Version]
"""Versions by uid."""


@dataclass(frozen=True)
class Difference:
    """What the server has and the watch has not shown, and what was shown and is gone."""

    unseen: Versions = field(default_factory=dict)
    gone: Versions = field(default_factory=dict)


def compare(server: Versions, shown: Versions) -> Difference:
    """The difference between a listing and what was shown."""
    return Difference(
        unseen={uid: it for uid, it in server.items() if not _shows(shown, uid, it)},
        gone={uid: it for uid, it in shown.items() if uid not in server},
    )


def lasting(before: Difference, server: Versions, shown: Versions) -> Difference:
    """The part of an earlier difference that is still there."""
    return Difference(
        unseen={
            uid: it
            for uid, it in before.unseen.items()
            if uid in server and not _shows(shown, uid, it)
        },
        gone={uid: it for uid, it in before.gone.items() if uid in shown and uid not in server},
    )


def _shows(shown: Versions, uid: str, version: Version) -> bool:
    return uid in shown and shown[uid].number >= version.number


class Freshness:
    """Follows one watch.

    Attributes:
        stalled: how many objects have versions that the watch should have shown long ago.
    """

    def __init__(
        self,
        kind: str,
        listing: Callable[[], Awaitable[Versions]],
        deleted: Callable[[str, RunKey], None],
    ) -> None:
        """Follow a watch.

        Args:
            kind: what it watches, for people.
            listing: reads the versions that the API server has.
            deleted: told uid and key of an object whose deletion was not shown.
        """
        self.kind = kind
        self.stalled = 0
        self._listing, self._deleted = listing, deleted
        self._shown: dict[str, Version] = {}
        self._difference: Difference | None = None
        self._complete = asyncio.Event()

    @property
    def complete(self) -> bool:
        """Whether everything that was there at the start has been shown."""
        return self._complete.is_set()

    async def completed(self) -> None:
        """Wait until everything that was there at the start has been shown."""
        await self._complete.wait()

    def see(self, event: str | None, body: Body) -> None:
        """Take in what the watch shows."""
        metadata = body["metadata"]
        if event == "DELETED":
            self._shown.pop(metadata["uid"], None)
            return
        key = metadata.get("namespace", ""), metadata["name"]
        self._shown[metadata["uid"]] = Version(key, int(metadata["resourceVersion"]))

    async def run(self) -> None:
        """Compare for ever."""
        while True:
            await asyncio.sleep(INTERVAL if self.complete else FIRST_INTERVAL)
            try:
                await self.check()
            except Exception as error:
                if classify(error) is None:
                    raise
                # Without the API server nobody can say that the watch is at fault.
                logger.debug("%s could not be listed: %s", self.kind, message_of(error))

    async def check(self) -> None:
        """Compare once. Errors of the client pass through."""
        server = await self._listing()
        now = compare(server, self._shown)
        if not self.complete:
            # What has changed since the first comparison is not waited for: there is no end to it.
            before = self._difference or now
            self._difference = lasting(before, server, self._shown)
            if not self._difference.unseen:
                self._complete.set()
            return
        assert self._difference is not None  # it was complete at a comparison
        rest, self._difference = lasting(self._difference, server, self._shown), now
        for uid, version in rest.gone.items():
            namespace, name = version.key
            with about(Subject(name, namespace, uid) if self.kind == RUNS else None):
                logger.info("%s/%s was deleted while nobody watched", namespace, name)
            del self._shown[uid]
            self._deleted(uid, version.key)
        if rest.unseen:
            logger.error("The watch of %s does not show %d changes", self.kind, len(rest.unseen))
        self.stalled = len(rest.unseen)
