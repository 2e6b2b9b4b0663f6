"""A real operator process, for as long as a block lasts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

START_TIMEOUT = 240.0
STOP_TIMEOUT = 60.0
READY = "Ray is ready"


class OperatorProcess:
    """``pipelinerun operator`` as a child, its log in a file."""

    MARK = "PIPELINERUN_TEST_LOG"
    """Environment variable by which its processes are recognised: the path of its log."""

    def __init__(self, kubeconfig: Path, log: Path, *options: str) -> None:
        self.log = log
        self._options = ("--kubeconfig", str(kubeconfig), *options)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the operator."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; returns at once."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipelinerun", "operator", *self._options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
            )

    def add_options(self, *options: str) -> None:
        """Further options, from the next start on."""
        self._options += options

    def _environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
        # What runs have installed goes with the test.
        return kept | {self.MARK: str(self.log), "PIPELINERUN_CACHE": f"{self.log}.cache"}

    def wait_ready(self, times: int = 1) -> None:
        """Wait until it has said for the given time that Ray is there."""
        deadline = time.monotonic() + START_TIMEOUT
        while self.ready_times() < times:
            self.check_alive()
            if time.monotonic() > deadline:
                raise TimeoutError(f"no Ray after {START_TIMEOUT:.0f} s:\n{self.tail()}")
            time.sleep(0.05)

    def ready_times(self) -> int:
        """How often it has said so far that Ray is there."""
        return self.log.read_text().count(READY) if self.log.exists() else 0

    def check_alive(self) -> None:
        """Fail with the end of the log if it has ended."""
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(
                f"the operator ended with {self._process.returncode}:\n{self.tail()}"
            )

    def says(self, text: str) -> bool:
        """Whether its log has a text by now; it must not have ended before."""
        if text in self.log.read_text(errors="replace"):
            return True
        self.check_alive()
        return False

    def says_in_order(self, *texts: str) -> bool:
        """Whether its log has each text by now, for the first time behind the one before."""
        log = self.log.read_text(errors="replace")
        places = [log.find(text) for text in texts]
        return min(places) >= 0 and places == sorted(places)

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait until it ends by itself; returns the wait status."""
        assert self._process is not None
        status = self._process.wait(STOP_TIMEOUT)
        self._process = None
        return status

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal and wait for it; returns the wait status."""
        if self._process is None:
            return 0
        self._process.send_signal(how)
        status = self._process.wait(STOP_TIMEOUT)
        self._process = None
        return status

    def tail(self, lines: int = 60) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@contextmanager
def running_operator(
    kubeconfig: Path, log: Path, options: Sequence[str] = ()
) -> Iterator[OperatorProcess]:
    """An operator with Ray up; it is ended, and its Ray with it, when the block ends."""
    operator = OperatorProcess(kubeconfig, log, *options)
    operator.start()
    try:
        operator.wait_ready()
        yield operator
    finally:
        operator.stop()
