"""The ledger: exact counts of every stage, kept by the driver.

Each process that runs a stage keeps one connection to the driver. It reports before and after each
call and waits for the answer, so that when a call has returned the driver has its counts: they are
exact by construction, without a helper actor. The answer carries whether the run is to end, or
its sources are. A source whose rows go into queues also asks for room before it brings a row.
A connection that ends in the middle of a call is a crash of that stage.
"""

import json
import os
import secrets
import socket
import threading
from collections import Counter, OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Listener
from typing import Any

from pipelinerun.api.status import Failure, StageState, StageStatus
from pipelinerun.api.topology import Topology
from pipelinerun.engine.failure import of_errors, of_torn
from pipelinerun.engine.queues import Flow, Queues

CRASH_LIMIT = 3
"""Crashes of one stage after which a run is given up; Ray Data alone would try without end."""
GO, DRAIN, STOP = b"go", b"drain", b"stop"
"""Answers to a report: go on; sources end, and all others go on; everything ends. Behind each is
how many rows there is room for, if that was asked."""
_TASKS_KEPT = 10_000


@dataclass(frozen=True)
class Address:
    """Where a stage finds its ledger; travels to the stage's processes."""

    host: str
    port: int
    key: bytes


@dataclass
class Tally(Flow):
    """Counts of one stage, over one Ray task or over all."""

    errors: int = 0
    seconds: float = 0.0
    letters: list[str] = field(default_factory=list)
    """Files with dead letters."""

    def reset(self) -> None:
        """Start again from nothing."""
        self.rows_in = self.rows_out = self.errors = 0
        self.seconds = 0.0
        self.letters = []

    def add(self, other: "Tally") -> None:
        """Add another's counts."""
        self.rows_in += other.rows_in
        self.rows_out += other.rows_out
        self.errors += other.errors
        self.seconds += other.seconds
        self.letters += other.letters


@dataclass
class _StageEntry:
    tallies: OrderedDict[str, Tally] = field(default_factory=OrderedDict)
    """By Ray task: one that Ray runs again replaces its first execution's counts."""
    workers: dict[str, str] = field(default_factory=dict)
    """The process that has last run a task."""
    older: Tally = field(default_factory=Tally)
    """Counts of tasks that are no longer kept one by one."""
    flow: Flow = field(default_factory=Flow)
    """Rows of all tasks together."""
    errors: int = 0
    """Errors of all tasks together."""
    processes: set[str] = field(default_factory=set)
    memory: int = 0
    """Bytes that were resident at most in one of the processes."""
    seen: bool = False

    def note(self, task: str, process: str, tally: Tally) -> None:
        before = self.tallies.get(task, Tally())
        self.flow.rows_in += tally.rows_in - before.rows_in
        self.flow.rows_out += tally.rows_out - before.rows_out
        self.errors += tally.errors - before.errors
        self.tallies[task], self.workers[task] = tally, process
        while len(self.tallies) > _TASKS_KEPT:
            first, oldest = self.tallies.popitem(last=False)
            del self.workers[first]
            self.older.add(oldest)

    def total(self) -> Tally:
        total = Tally()
        for tally in (self.older, *self.tallies.values()):
            total.add(tally)
        return total


class Ledger:
    """Collects reports for the length of a ``with`` block."""

    def __init__(
        self,
        topology: Topology,
        host: str,
        stopping: threading.Event,
        draining: threading.Event,
        queues: Queues,
    ) -> None:
        """Prepare a ledger.

        Args:
            topology: the stages.
            host: where to listen.
            stopping: set once the run is to end.
            draining: set once the sources are to end.
            queues: what there is room for.
        """
        self._limits = {name: stage.error_limit for name, stage in topology.stages.items()}
        self._after = topology.after
        self._queues = queues
        self._stopping, self._draining = stopping, draining
        self._entries = {name: _StageEntry() for name in topology.stages}
        self._flows = {name: entry.flow for name, entry in self._entries.items()}
        self._lock = threading.Lock()
        self._failure: tuple[Failure, int] | None = None
        self._crashes: Counter[str] = Counter()
        self._abandoned = threading.Event()
        key = secrets.token_bytes(32)
        self._listener = Listener((host, 0), backlog=128, authkey=key)
        self.address = Address(host, self._listener.address[1], key)
        self._connections: set[Connection[Any, Any]] = set()

    def __enter__(self) -> "Ledger":
        threading.Thread(target=self._accept, name="ledger", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        with self._lock:
            for connection in self._connections:
                _hang_up(connection)

    @property
    def _ending(self) -> bool:
        return self._stopping.is_set() or self._abandoned.is_set() or self._failure is not None

    @property
    def _answer(self) -> bytes:
        if self._ending:
            return STOP
        return DRAIN if self._draining.is_set() else GO

    @property
    def failure(self) -> tuple[Failure, int] | None:
        """The first failure that a stage reported, with the exit code it stands for."""
        with self._lock:
            return self._failure

    @property
    def crashed(self) -> str | None:
        """The stage whose process crashed most often, if any did."""
        with self._lock:
            return self._crashes.most_common(1)[0][0] if self._crashes else None

    def note_failure(self, failure: Failure, exit_code: int) -> None:
        """Record a failure; only the first one counts, the others follow from it."""
        with self._lock:
            if self._failure is None:
                self._failure = failure, exit_code

    def totals(self) -> dict[str, Tally]:
        """Counts by stage, so far."""
        with self._lock:
            return {name: entry.total() for name, entry in self._entries.items()}

    def full(self, stage: str) -> bool:
        """Whether there is no room for what a stage would put out if it were given new work."""
        with self._lock:
            return self._queues.full(stage, self._flows)

    def stages(self) -> list[StageStatus]:
        """All stages as a running pipeline shows them."""
        with self._lock:
            return [self._status(name, entry) for name, entry in self._entries.items()]

    def _status(self, name: str, entry: _StageEntry) -> StageStatus:
        total = entry.total()
        state: StageState = "Running" if entry.seen else "Pending"
        return StageStatus(
            name=name,
            state=state,
            rows_in=total.rows_in,
            rows_out=total.rows_out,
            errors=total.errors,
            seconds=round(total.seconds, 3),
            replicas=len(entry.processes),
            peak_memory_bytes=entry.memory or None,
        )

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except OSError:
                return  # closed
            except Exception:  # noqa: BLE001, S112 - somebody without the key
                continue
            with self._lock:
                self._connections.add(connection)
            threading.Thread(
                target=self._serve, args=(connection,), name="ledger connection", daemon=True
            ).start()

    def _serve(self, connection: "Connection[Any, Any]") -> None:
        inside: dict[str, int] = {}
        """Stages whose code runs, with their crashes when it began; last the one that a source,
        which runs on, is running beside."""
        with suppress(OSError, EOFError):
            while True:
                room = 0
                match json.loads(connection.recv_bytes()):
                    case None:
                        pass  # it only asks
                    case {"stage": source, "brought": int(brought)}:
                        with self._lock:
                            room = self._queues.room(source, brought, self._flows)
                    case report:
                        stage = report["stage"]
                        if report["inside"]:
                            inside.setdefault(stage, self._crashes[stage])
                        else:
                            inside.pop(stage, None)
                        self._record(report)
                connection.send_bytes(b"%b %d" % (self._answer, room))
        connection.close()
        with self._lock:
            self._connections.discard(connection)
            if inside:
                *_, crashed = inside
                self._note_crash(crashed, inside[crashed])

    def _note_crash(self, stage: str, before: int) -> None:
        """Count a crash, unless there was another since the call began.

        What dies together, with a node, counts once.
        """
        if self._crashes[stage] == before:
            self._crashes[stage] += 1
            if self._crashes[stage] >= CRASH_LIMIT:
                self._abandoned.set()

    def letters(self) -> set[str]:
        """Files with the dead letters that count."""
        return {name for tally in self.totals().values() for name in tally.letters}

    def _record(self, report: dict[str, Any]) -> None:
        failure = report["failure"]
        if failure is not None:
            self.note_failure(Failure.model_validate(failure), report["exitCode"])
        with self._lock:
            entry = self._entries[report["stage"]]
            entry.seen = True
            entry.processes.add(report["process"])
            entry.memory = max(entry.memory, report["memory"])
            torn = report["streams"] and self._is_torn(report)
            entry.note(report["task"], report["process"], Tally(**report["tally"]))
            errors = entry.errors
        if torn and not self._ending:
            self.note_failure(*of_torn(report["stage"]))
        skipped, limit = report["skipped"], self._limits[report["stage"]]
        if skipped is not None and errors > limit:
            self.note_failure(*of_errors(Failure.model_validate(skipped), limit))

    def _is_torn(self, report: dict[str, Any]) -> bool:
        """Whether Ray runs a task of a stream again of which rows have gone to another task.

        It drops as many blocks, and even an error in their place, as it has had of the task before.
        In a stream blocks are what was there at the moment, so that rows would get lost.
        """
        stage, task = report["stage"], report["task"]
        entry = self._entries[stage]
        before = entry.tallies.get(task)
        if before is None or not before.rows_out or entry.workers[task] == report["process"]:
            return False
        return any(task not in self._entries[it].tallies for it in self._after[stage])


def _hang_up(connection: "Connection[Any, Any]") -> None:
    """End a connection that another thread reads, so that it reads the end and closes it itself."""
    with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)
