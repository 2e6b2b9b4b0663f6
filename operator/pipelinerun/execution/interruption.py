"""What SIGINT and SIGTERM do to a child process that runs a pipeline."""

import os
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING

from pipelinerun.api.exit_codes import SIGNAL_BASE, TERMINATED
from pipelinerun.execution.process_groups import HANDLE_GRACE

if TYPE_CHECKING:  # loaded when Ray starts already
    from pipelinerun.api.status import Outcome


class Interruption:
    """The first signal asks for an orderly end, within a grace.

    The second, or the end of the grace, ends this process at once. The rest of the group is then
    killed by the parent, or by the workspace's guardian when there is no parent any more.

    Attributes:
        stopping: set when the pipeline has to end.
    """

    def __init__(self, grace: float = HANDLE_GRACE) -> None:
        self._grace = grace
        self.stopping = threading.Event()
        self._signal: int | None = None
        self.listen()

    def listen(self) -> None:
        """Handle the signals; once more after Ray has started, whose handler of SIGTERM aborts."""
        signal.signal(signal.SIGINT, self._handle)
        signal.signal(signal.SIGTERM, self._handle)

    def end(self) -> None:
        """Ask for an orderly end, within the grace, though no signal came."""
        self.stopping.set()
        exit_within(self._grace, TERMINATED)

    def applied_to(self, outcome: "Outcome") -> "Outcome":
        """The outcome in the light of the signal that came, if one did."""
        from pipelinerun.execution.outcomes import interrupted  # noqa: PLC0415 - see above

        return outcome if self._signal is None else interrupted(outcome, self._signal)

    def leave(self, code: int) -> None:
        """End this process with ``code`` if a signal came; nothing is worth tidying up then."""
        if self._signal is not None:
            os._exit(code)

    def _handle(self, signum: int, _frame: FrameType | None) -> None:
        if self._signal is not None:
            os._exit(SIGNAL_BASE + self._signal)
        self._signal = signum
        self.stopping.set()
        exit_within(self._grace, SIGNAL_BASE + signum)


def exit_within(seconds: float, code: int) -> None:
    """End with ``code`` after some time, even if a thread keeps the interpreter alive."""
    timer = threading.Timer(seconds, os._exit, [code])
    timer.daemon = True
    timer.start()
