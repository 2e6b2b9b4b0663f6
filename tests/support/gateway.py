"""A real gateway process, as the chart has it in a container beside the operator's."""

import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.waiting import wait_for

STOP_TIMEOUT = 60.0
START_TIMEOUT = 240.0
READY = "Ray is up"
_COMMAND = (sys.executable, "-m", "pipelinerun", "gateway")


class GatewayProcess:
    """``pipelinerun gateway`` as a child, its log in a file."""

    def __init__(self, folder: Path, *options: str) -> None:
        folder.mkdir()
        self._options = options
        self.socket = folder / "gateway.sock"
        self.log = folder / "gateway.log"

    def start(self) -> None:
        """Start it; returns when its Ray is up.

        One that ends before is started again, as the kubelet does with a container: Ray gives
        itself 30 s to start, which a busy machine may not keep.
        """
        self._start()
        wait_for(self._is_up, START_TIMEOUT)

    def _is_up(self) -> bool:
        if self._process.poll() is not None:
            self._start()
        return READY in self.log.read_text()

    def _start(self) -> None:
        self.log.unlink(missing_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*_COMMAND, "--gateway", str(self.socket), *self._options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait(self) -> int:
        """Wait until it ends by itself; returns the wait status."""
        return self._process.wait(STOP_TIMEOUT)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal and wait for it; returns the wait status."""
        self._process.send_signal(how)
        return self._process.wait(STOP_TIMEOUT)

    def restart(self, how: signal.Signals) -> None:
        """End it and start it anew, as the kubelet does with a container."""
        self.stop(how)
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self.stop() == 0, self.log.read_text()
        assert "Traceback" not in self.log.read_text()
