"""The ledger's other end, in every process that runs a stage."""

import json
import os
import resource
import socket
import sys
import threading
import time
from dataclasses import asdict
from multiprocessing.connection import Client, Connection
from typing import Any

import ray

from pipelinerun.api.status import Failure
from pipelinerun.engine.errors import StoppedError
from pipelinerun.engine.ledger import DRAIN, STOP, Address, Tally

ASK_INTERVAL = 0.2
"""Seconds for which an answer holds when a stage's code asks whether it is to end."""

_connections: dict[Address, "Connection[Any, Any]"] = {}
_lock = threading.Lock()
"""Held from a question to its answer: the stage's code may have threads."""


class Reporter:
    """Reports for one stage in this process.

    Attributes:
        task: the Ray task that it reports for; the same if Ray runs that again.
        stopping: whether the driver said that the run is to end.
        draining: whether it said that the sources are to end.
    """

    def __init__(self, address: Address, stage: str, *, streams: bool = False) -> None:
        """Prepare. ``streams``: what the stage puts out goes on in blocks as they are."""
        self._address = address
        self._stage, self._streams = stage, streams
        self._process = f"{socket.gethostname()}/{os.getpid()}"
        self.task = ""
        self._total = Tally()
        self.stopping = self.draining = False
        self._answered = 0.0

    def enter(self) -> None:
        """Say that the stage's code is about to run.

        Raises:
            StoppedError: it must not.
        """
        task = ray.get_runtime_context().get_task_id() or self._process
        if task != self.task:
            self.task, self._total = task, Tally()
        self._report(inside=True)
        if self.stopping:
            raise StoppedError

    def leave(self, tally: Tally, *, inside: bool = False) -> None:
        """Add what a call did to the counts of its Ray task.

        ``inside``: the stage's code goes on, in a thread of its own.
        """
        self._total.add(tally)
        self._report(inside=inside)

    def fail(self, tally: Tally, failure: Failure, exit_code: int) -> None:
        """The same for a call that failed."""
        self._total.add(tally)
        self._report(inside=False, failure=failure, exit_code=exit_code)

    def skip(self, tally: Tally, failure: Failure) -> None:
        """Tell an error that does not end the work. ``tally``: what was not told yet.

        Raises:
            StoppedError: there were too many.
        """
        total = Tally()
        total.add(self._total)
        total.add(tally)
        self._report(inside=True, total=total, skipped=failure)
        if self.stopping:
            raise StoppedError

    def ask(self) -> None:
        """Learn anew whether the run is to end, in the middle of a call that may take long."""
        if time.monotonic() - self._answered < ASK_INTERVAL:
            return
        try:
            self._say(None)
        except StoppedError:
            self.stopping = True

    def room(self, brought: int) -> int:
        """How many more rows a source may bring that has brought so many, and has one in hand.

        Raises:
            StoppedError: none, for the run is to end.
        """
        room = self._say({"stage": self._stage, "brought": brought})
        if self.stopping:
            raise StoppedError
        return room

    def _report(
        self,
        *,
        inside: bool,
        total: Tally | None = None,
        failure: Failure | None = None,
        skipped: Failure | None = None,
        exit_code: int | None = None,
    ) -> None:
        report = {
            "stage": self._stage,
            "streams": self._streams,
            "process": self._process,
            "task": self.task,
            "tally": asdict(total or self._total),
            "memory": _peak_memory(),
            "inside": inside,
            "failure": failure.model_dump(by_alias=True) if failure else None,
            "exitCode": exit_code,
            "skipped": skipped.model_dump(by_alias=True) if skipped else None,
        }
        self._say(report)

    def _say(self, report: dict[str, Any] | None) -> int:
        try:
            with _lock:
                connection = _connect(self._address)
                connection.send_bytes(json.dumps(report).encode())
                answer = connection.recv_bytes()
        except (OSError, EOFError):
            raise StoppedError from None  # the driver has ended its run
        self._answered = time.monotonic()
        order, room = answer.split()
        self.stopping, self.draining = order == STOP, order in {DRAIN, STOP}
        return int(room)


def _peak_memory() -> int:
    """Bytes that were resident in this process at most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _connect(address: Address) -> "Connection[Any, Any]":
    """The connection of this process; one to an earlier run's ledger is closed."""
    if address not in _connections:
        for old in [*_connections]:
            _connections.pop(old).close()
        _connections[address] = Client((address.host, address.port), authkey=address.key)
    return _connections[address]
