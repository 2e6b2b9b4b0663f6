"""What is seen of runs goes into the cache, and is announced by the run's key."""

import logging
from collections.abc import Callable

from pipelinerun.controller.cache import RunCache
from pipelinerun.controller.runs import Body, RunKey, UnreadableStatusError, read_run
from pipelinerun.controller.subject import Subject, about

logger = logging.getLogger(__name__)


class RunSight:
    """Takes in what the watch shows of runs."""

    def __init__(self, cache: RunCache, announce: Callable[[RunKey], None]) -> None:
        self._cache, self._announce = cache, announce

    def see(self, event: str | None, body: Body) -> None:
        """Store a run and have it looked at."""
        metadata = body["metadata"]
        key = metadata["namespace"], metadata["name"]
        if event == "DELETED":
            self.deleted(metadata["uid"], key)
            return
        try:
            self._cache.put(read_run(body))
        except UnreadableStatusError as error:
            with about(Subject(key[1], key[0], metadata["uid"])):
                logger.warning("It is left alone: %s", error)
            return
        self._announce(key)

    def deleted(self, uid: str, key: RunKey) -> None:
        """Forget a run and have what is left of it ended."""
        self._cache.remove(uid, key)
        self._announce(key)
