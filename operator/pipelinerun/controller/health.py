"""Whether the operator does its work, not only whether it is alive."""

from collections.abc import Sequence

from pipelinerun.controller.election import Election
from pipelinerun.controller.freshness import Freshness
from pipelinerun.controller.queue import WorkQueue
from pipelinerun.controller.runs import RunKey

STALLED_AFTER = 120.0
"""Seconds without progress after which the reconciler counts as stalled."""


class Health:
    """Looks at the queue and at the watches."""

    def __init__(
        self,
        queue: WorkQueue[RunKey],
        watches: Sequence[Freshness],
        election: Election | None,
    ) -> None:
        self._queue, self._watches, self._election = queue, watches, election

    def problems(self) -> list[str]:
        """What only a restart can help against."""
        found = [
            f"the watch of {watch.kind} does not show {watch.stalled} changes"
            for watch in self._watches
            if watch.stalled
        ]
        stalled = self._queue.stalled_for()
        if stalled > STALLED_AFTER:
            found.append(f"the reconciler makes no progress for {stalled:.0f} s")
        return found

    def unready(self) -> list[str]:
        """What has to come before the operator can work."""
        missing = [
            f"the first listing of {watch.kind} has not been seen yet"
            for watch in self._watches
            if not watch.complete
        ]
        if self._election is not None and not self._election.informed:
            missing.append("the lease could not be read yet")
        return missing
