"""What is known of the attempt at this moment."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a worker starts its child before it loads more
    from pipelinerun.api.status import Outcome, StageStatus


class Board:
    """Written by the one who supervises, read by whoever asks."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._stages: tuple[StageStatus, ...] = ()
        self._outcome: Outcome | None = None

    def update(self, stages: "Sequence[StageStatus]") -> None:
        """The stages as they are now."""
        self._stages = tuple(stages)

    def end(self, outcome: "Outcome") -> None:
        """The attempt has ended."""
        self._outcome = outcome

    @property
    def stages(self) -> "tuple[StageStatus, ...]":
        """The stages as they were last seen."""
        return self._stages

    @property
    def elapsed(self) -> float:
        """Seconds since the worker started, or those of the pipeline once it has ended."""
        if self._outcome is not None:
            return self._outcome.elapsed_seconds
        return time.monotonic() - self._started
