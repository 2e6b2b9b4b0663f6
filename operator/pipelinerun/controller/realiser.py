"""What the reconciler needs of something that executes attempts."""

from typing import Protocol

from pipelinerun.api.job import PipelineJob
from pipelinerun.api.run import Worker
from pipelinerun.controller.runs import Run, RunKey
from pipelinerun.core.observed import Sighting, Wait


class Realiser(Protocol):
    """Executes attempts. Calls return at once; whatever changes is announced by the run's key."""

    @property
    def ready(self) -> bool:
        """Whether it is known which attempts are running."""

    @property
    def worker(self) -> Worker:
        """Where an attempt that starts now would run."""

    def sighting(self, uid: str, number: int) -> Sighting | None:
        """What is seen of an attempt; None when nobody can find it.

        Whoever says that an attempt is lost, or finds none, has made sure that it does not run.
        """

    def wait(self, run: Run) -> Wait | None:
        """Why a run cannot start now, if so."""

    def reserve(self, key: RunKey) -> None:
        """Keep a place for a run that is about to start, until it is released."""

    def start(self, job: PipelineJob) -> None:
        """Start an attempt whose intent is recorded. Idempotent by uid and attempt."""

    def release(self, key: RunKey, keep_uid: str | None = None) -> None:
        """End and forget all attempts of the runs of that name but ``keep_uid``. Idempotent."""
