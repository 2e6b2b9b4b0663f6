"""Reports from the process that runs a pipeline to the one that supervises it."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # loaded when Ray starts already
    from pipelinerun.api.status import Outcome, StageStatus


class Reporter:
    """Sends progress and one outcome; who is gone is nobody to report to."""

    def __init__(self, send: Callable[[dict[str, Any]], object]) -> None:
        self._message = send
        self._outcome: Outcome | None = None
        self._lock = threading.Lock()  # a message must not be cut into by another thread's

    def progress(self, stages: "list[StageStatus]") -> None:
        """Tell how far the stages are."""
        self._send({"progress": [it.model_dump(mode="json", by_alias=True) for it in stages]})

    def outcome(self, outcome: "Outcome") -> "Outcome":
        """Tell how the pipeline ended; only the first time counts, and is returned."""
        if self._outcome is None:
            self._outcome = outcome
            self._send({"outcome": outcome.model_dump(mode="json", by_alias=True)})
        return self._outcome

    def _send(self, message: dict[str, object]) -> None:
        with self._lock, suppress(OSError):
            self._message(message)
