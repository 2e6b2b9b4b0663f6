"""A child process that never outlives this one, with everything that it starts."""

import atexit
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from pipelinerun.execution import bootstrap, zombies
from pipelinerun.execution.at_exit import quiet_logging
from pipelinerun.execution.options import Stream
from pipelinerun.execution.output import descriptor_for
from pipelinerun.execution.process_groups import end_group, signal_group
from pipelinerun.execution.workspace import Workspace

MessageListener = Callable[[Mapping[str, Any]], None]

_KILL_SECONDS = 5.0
_CHILDS_SHARE = 0.9
"""Of the grace: a child that ends itself can tell more than one that is killed."""
_LAST_MESSAGES_SECONDS = 5.0

logger = logging.getLogger(__name__)


class ChildProcess:
    """A fresh interpreter that leads its own session, in a workspace of its own.

    A supervisor thread starts the child and lives as long as it does, because the kernel takes the
    end of the thread that started a process for the death of its parent. When the child has
    ended, the thread kills what is left of the group and closes the workspace.

    Attributes:
        pid: of the child, which is its group and session too; 0 before the start.
        returncode: as ``Popen.returncode``; None before the end.
        elapsed: seconds from the start to the end, by the monotonic clock; 0 before the end.
    """

    def __init__(
        self,
        target: str,
        request: Mapping[str, Any],
        *,
        stdout: Stream | None = None,
        stderr: Stream | None = None,
        environment: Mapping[str, str] | None = None,
        grace: float,
        on_message: MessageListener,
        on_end: Callable[[int], None],
    ) -> None:
        """Prepare a child.

        Args:
            target: import path of what runs in the child, see ``bootstrap``.
            request: its argument, in terms of JSON; workspace and grace are added to it.
            stdout: where the child's descriptor 1 goes.
            stderr: where the child's descriptor 2 goes.
            environment: variables for the child besides this process's own.
            grace: seconds from SIGTERM to SIGKILL; the child is told.
            on_message: called with each message of the child, in a thread of its own.
            on_end: called with the return code when the child is gone, before ``wait`` returns.
        """
        self.pid = 0
        self.returncode: int | None = None
        self.elapsed = 0.0
        self._target, self._request = target, request
        self._stdout, self._stderr = stdout, stderr
        self._environment = environment or {}
        self._grace = grace
        self._on_message, self._on_end = on_message, on_end
        self._owner = os.getpid()
        self._error: Exception | None = None
        self._channel: socket.socket | None = None
        self._lock = threading.Lock()  # held to signal and to reap, so that no signal goes astray
        self._spawned, self._ended = threading.Event(), threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start the child; does nothing once it was started.

        Raises:
            OSError: there could be no process.
        """
        if self._supervisor.ident is None:
            atexit.register(self._at_exit)
            self._supervisor.start()
        self._spawned.wait()
        if self._error is not None:
            raise self._error

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the child and all that it started are gone; False when time is up."""
        return self._ended.wait(timeout)

    def stop(self) -> None:
        """SIGTERM to the child, a grace, then SIGKILL to the group; wait for the end.

        Not to the group: the child ends in order what it has started, and needs it for that.
        """
        self._signal(signal.SIGTERM, os.kill)
        if self._supervisor.ident is not None and not self.wait(self._grace):
            self.kill()

    def kill(self) -> None:
        """SIGKILL to the group; wait for the end, but not for ever."""
        self._signal(signal.SIGKILL, signal_group)
        if self._supervisor.ident is not None:
            self.wait(_KILL_SECONDS)

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message to a child that has said something; one that is gone needs none."""
        channel = self._channel
        if channel is not None:
            with suppress(OSError):
                channel.sendall(json.dumps(message).encode() + b"\n")

    def _signal(self, signum: int, send: Callable[[int, int], object]) -> None:
        if self._supervisor.ident is not None:
            self._spawned.wait()
        with self._lock:
            if self.pid and self.returncode is None:
                with suppress(ProcessLookupError):  # somebody else has reaped it
                    send(self.pid, signum)

    def _at_exit(self) -> None:
        if os.getpid() == self._owner and self.pid and self.returncode is None:
            quiet_logging()
            end_group(self.pid)
            self.wait(_KILL_SECONDS)

    def _supervise(self) -> None:
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - start() raises it
            self._error = error
        finally:
            self._spawned.set()
            self._ended.set()
            atexit.unregister(self._at_exit)

    def _run(self) -> None:
        # The workspace goes before the outputs are drained: what holds them open is gone then.
        with (
            descriptor_for(self._stdout) as stdout,
            descriptor_for(self._stderr) as stderr,
            Workspace() as workspace,
        ):
            ours, theirs = socket.socketpair()
            started = time.monotonic()
            with ours, theirs:
                process = self._spawn(workspace, stdout, stderr, theirs.fileno())
                theirs.close()
                workspace.watch_session(process.pid)
                self.pid = process.pid
                self._spawned.set()
                with self._conversation(ours, workspace):
                    _await_exit(process)
                    self.elapsed = time.monotonic() - started
                    signal_group(process.pid, signal.SIGKILL)
        with self._lock:  # only from here on may the pid be somebody else's
            self.returncode = process.wait()
            zombies.forget(process.pid)
        self._on_end(self.returncode)

    @contextmanager
    def _conversation(self, channel: socket.socket, workspace: Workspace) -> Iterator[None]:
        """Give the child its order, and listen to it until it has ended."""
        reader = threading.Thread(target=self._read, args=(channel,), name="reader", daemon=True)
        reader.start()
        self._give_order(channel, workspace)
        self._channel = channel
        yield
        reader.join(_LAST_MESSAGES_SECONDS)
        with suppress(OSError):
            channel.shutdown(socket.SHUT_RDWR)  # wakes the reader, should a fork hold the channel
        reader.join()

    def _spawn(
        self, workspace: Workspace, stdout: int, stderr: int, channel: int
    ) -> subprocess.Popen[bytes]:
        # -P: the script's directory, which is this package's, must not be searched for modules.
        command = [sys.executable, "-P", bootstrap.__file__, str(channel), str(os.getpid())]
        return zombies.start(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            pass_fds=[channel],
            start_new_session=True,
            env={**os.environ, **self._environment, **workspace.environment},
        )

    def _give_order(self, channel: socket.socket, workspace: Workspace) -> None:
        order = {
            "path": [str(entry) for entry in sys.path],
            "argv": sys.argv,
            "target": self._target,
            "request": {
                **self._request,
                "workspace": str(workspace.path),
                "grace": self._grace * _CHILDS_SHARE,
            },
        }
        with suppress(OSError):  # the child has ended already
            channel.sendall(json.dumps(order).encode() + b"\n")

    def _read(self, channel: socket.socket) -> None:
        with channel.makefile("rb") as lines, suppress(OSError):
            for line in lines:
                try:
                    self._on_message(json.loads(line))
                except Exception:
                    logger.exception("A message of the child process could not be handled")


def _await_exit(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end; on Linux without reaping, so that the pid stays the child's."""
    if sys.platform == "linux":
        with suppress(ChildProcessError):  # SIGCHLD is ignored, or somebody else has reaped it
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    else:
        process.wait()
