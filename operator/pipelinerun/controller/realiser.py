"""What the reconciler needs of something that executes attempts, and the stages that follow them.

Executions have numbers: attempts count up from 1, those of finally stages down from -1.
"""

from typing import Protocol

from pipelinerun.api.exit_codes import ExitCode
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.spec import Shutdown
from pipelinerun.api.status import Failure, Outcome, Worker
from pipelinerun.controller.runs import Run, RunKey
from pipelinerun.core import reasons
from pipelinerun.core.observed import Refusal, Sighting, Wait


def never_started(number: int, message: str) -> Sighting:
    """What is seen of an attempt that its manifest keeps from starting."""
    failure = Failure(class_="Config", message=message[:MESSAGE_LIMIT])
    outcome = Outcome(exit_code=ExitCode.INVALID_DEFINITION, failure=failure)
    return Sighting(number, "Ended", outcome=outcome, reason=reasons.INVALID_DEFINITION)


class Sight(Protocol):
    """What is known of attempts, without asking anybody."""

    @property
    def restartable(self) -> bool:
        """Whether starting the same attempt again does no harm, since it cannot be there twice."""

    @property
    def ready(self) -> bool:
        """Whether it is known which attempts are running."""

    def worker(self, run: Run, number: int) -> Worker:
        """Where an attempt that starts now would run."""

    def sighting(self, uid: str, number: int) -> Sighting | None:
        """What is seen of an attempt; None when nobody can find it.

        Whoever says that an attempt is lost, or finds none, has made sure that it does not run.
        """

    def refusal(self, run: Run) -> Refusal | None:
        """Why a run can never start here, if so."""

    def wait(self, run: Run) -> Wait | None:
        """Why a run cannot start now, if so."""


class Realiser(Sight, Protocol):
    """Executes attempts. Whatever changes is announced by the run's key."""

    async def look(self, run: Run) -> None:
        """Make sure that an attempt under way that is not in sight is not there."""

    def reserve(self, key: RunKey) -> None:
        """Keep a place for a run that is about to start, until it is released."""

    async def start(self, run: Run, job: PipelineJob) -> None:
        """Start an attempt whose intent is recorded. Idempotent by uid and attempt."""

    def refuse(self, run: Run, job: PipelineJob, message: str) -> None:
        """An attempt whose intent is recorded can never start: it has ended as invalid."""

    async def stop(self, run: Run, number: int, how: Shutdown) -> None:
        """Have an attempt end. Idempotent, and called again and again until it has ended.

        Drain: its sources end, and what is in flight goes on to the sinks. Terminate: all of it
        ends within the grace, or is killed. One that has not begun never begins.
        """

    async def end(self, run: Run) -> None:
        """Nothing of the run's attempts may be left waiting or running. Idempotent."""

    def release(self, key: RunKey, keep_uid: str | None = None) -> None:
        """Nothing needs the attempts of the runs of that name any more but ``keep_uid``'s.

        Idempotent.
        """
