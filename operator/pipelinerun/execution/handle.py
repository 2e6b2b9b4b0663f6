"""The handle of an execution that goes on in the background."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a worker starts its child before it loads more
    from pipelinerun.api.status import Outcome


class ExecutionHandle(ABC):
    """One execution. It starts once and ends once; every method may be called at any time."""

    @abstractmethod
    def start(self) -> None:
        """Start the execution; does nothing once it was started.

        Raises:
            PipelineFailedError: it could not be started at all.
        """

    @abstractmethod
    def stop(self) -> None:
        """End the execution and wait until it is gone; does nothing when it is."""

    @abstractmethod
    def drain(self) -> None:
        """Have the sources end and return at once: what is in flight still reaches the sinks.

        The execution then ends by itself, with exit code 0 when nothing else goes wrong.
        """

    @abstractmethod
    def wait(self, timeout: float | None = None) -> "Outcome | None":
        """Wait for the end, at most ``timeout`` seconds; None when it has not come."""

    @property
    @abstractmethod
    def outcome(self) -> "Outcome | None":
        """How the execution ended; None before."""
