"""The reconciler: observe, decide, apply, for one key at a time. Everything is level-triggered."""

import logging
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import TypeVar

from pipelinerun.api.code import Code
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.metrics import RECONCILE_DURATION, RECONCILES
from pipelinerun.api.ray import Ray
from pipelinerun.api.status import PipelineRunStatus
from pipelinerun.api.violations import InvalidDefinitionError, Violation
from pipelinerun.controller.api import PipelineRunApi
from pipelinerun.controller.cache import RunCache
from pipelinerun.controller.changes import change, subject_of
from pipelinerun.controller.clusters.made import MadeClusters
from pipelinerun.controller.clusters.named import NamedClusters
from pipelinerun.controller.code_sources import CodeSources
from pipelinerun.controller.duty import Duty
from pipelinerun.controller.errors import (
    DeletionRefusedError,
    ErrorKind,
    classify,
    message_of,
    tolerated,
)
from pipelinerun.controller.facts import (
    awaits_cluster,
    awaits_code,
    job_for,
    observe,
)
from pipelinerun.controller.metrics import Meters
from pipelinerun.controller.priorities import Priority, at
from pipelinerun.controller.queue import LONGEST_DELAY, WorkQueue
from pipelinerun.controller.realisers import Realisers
from pipelinerun.controller.runs import Run, RunKey
from pipelinerun.controller.staleness import Staleness
from pipelinerun.controller.subject import Subject, about
from pipelinerun.controller.writes import WritesOfRuns, spending
from pipelinerun.core.actions import (
    Acknowledge,
    Action,
    Delete,
    DeleteCluster,
    Release,
    Reserve,
    Start,
    Stop,
    Tell,
    WriteStatus,
    actions,
)
from pipelinerun.core.measures import measures
from pipelinerun.core.observed import Event, Wait
from pipelinerun.core.policies import decide

logger = logging.getLogger(__name__)

Found = TypeVar("Found")

LONGEST_REFUSAL = 600.0
"""Seconds after which a run that is protected from deletion is tried again at the latest."""


class Reconciler:
    """Carries every run on, from nothing but the cache and what the realiser sees."""

    def __init__(
        self,
        cache: RunCache,
        queue: WorkQueue[RunKey],
        api: PipelineRunApi,
        realisers: Realisers,
        sources: CodeSources,
        duty: Duty,
        meters: Meters,
        staleness: Staleness,
        *,
        named: NamedClusters,
        made: MadeClusters,
    ) -> None:
        self._cache = cache
        self._queue = queue
        self._api = api
        self._realisers = realisers
        self._sources = sources
        self._named, self._made = named, made
        self._duty = duty
        self._meters = meters
        self._staleness = staleness
        self._writes = WritesOfRuns(meters)
        self._written: dict[RunKey, float] = {}
        self._outdated: set[RunKey] = set()

    async def work(self) -> None:
        """Reconcile keys from the queue, for ever."""
        while True:
            key = await self._queue.get()
            try:
                with self._meters.timed(RECONCILE_DURATION):
                    await self.reconcile(key)
                self._queue.succeeded(key)
                self._staleness.looked(key)
                self._meters.add(RECONCILES, "ok")
            except Exception as error:  # noqa: BLE001 - one run must not stop the others
                with about(self._subject(key)):
                    self._failed(key, error)
            finally:
                self._queue.done(key)

    async def reconcile(self, key: RunKey) -> None:
        """Carry one run on by one decision."""
        run = self._cache.get(key)
        if not self._duty.covers(key[0]):
            self._written.pop(key, None)  # it is another operator's by now
            self._writes.forget(key)
            self._outdated.discard(key)
            return
        if run is None or key in self._outdated:
            run = await self._read(key)
        if run is None:
            return
        self._realisers.release(key, keep_uid=run.uid)
        realiser = self._realisers.of(run)
        await realiser.look(run)
        code = await _or_why(self._sources.code(run)) if awaits_code(run) else None
        ray = await _or_why(self._named.ray(run)) if awaits_cluster(run) else None
        leftover = await self._made.leftover(run)
        now = datetime.now(UTC)
        age, surplus = self._status_age(run), self._cache.surplus(key)
        observed, job = observe(
            run, realiser, age, now, surplus=surplus, code=code, ray=ray, leftover=leftover
        )
        decision = decide(observed, now)
        begins = decision.start is not None and decision.start > 0
        before = run
        with at(Priority.START if begins else Priority.WORK), spending() as spent:
            try:
                for action in actions(observed.status, decision):
                    self._duty.check()
                    with about(subject_of(run)):
                        run = await self._do(action, run, job, now)
            finally:
                self._writes.add(before, run, spent.writes)
        if decision.requeue_after is not None:
            self._queue.add_after(key, decision.requeue_after)

    async def _do(self, action: Action, run: Run, job: PipelineJob | None, now: datetime) -> Run:
        """Take one action; returns the run as it is then."""
        match action:
            case Reserve():
                self._realisers.of(run).reserve(run.key)
            case WriteStatus(status=status):
                run = await self._write(run, status)
            case Start():
                assert job is not None  # what is started was prepared
                await self._start(run, job_for(job, run.status))
            case Stop(number=number, how=how):
                await self._realisers.of(run).stop(run, number, how)
            case Release():
                await self._realisers.end(run)
                self._realisers.release(run.key)
            case DeleteCluster(name=name):
                await self._made.delete(run, name)
            case Acknowledge():
                run = await self._api.acknowledge(run)
                self._cache.put(run)
            case Delete(why=why):
                await self._delete(run, why)
            case Tell(event=event):
                await self._tell(run, event, now)
        return run

    async def _write(self, before: Run, status: PipelineRunStatus) -> Run:
        run = await self._api.write_status(before, status)
        self._meters.record(
            measures(before.status, status, mode=before.mode, created=before.created)
        )
        self._cache.put(run)
        self._note_written(run)
        told = change(before.status, status)
        if told is not None:
            with about(subject_of(run)):
                logger.info("%s", told)
        return run

    async def _start(self, run: Run, job: PipelineJob) -> None:
        realiser = self._realisers.of(run)
        try:
            job = await self._completed(run, job)
        except InvalidDefinitionError as error:
            listed = (str(violation.under("spec")) for violation in error.violations)
            realiser.refuse(run, job, "; ".join(listed))
            return
        await realiser.start(run, job)

    async def _completed(self, run: Run, job: PipelineJob) -> PipelineJob:
        """The job with what it names.

        Raises:
            InvalidDefinitionError: some of that is not there, or not what it should be.
        """
        found: dict[str, Code | Ray] = {}
        if job.code.config_map is not None:
            found["code"] = _there("code.configMap", await self._sources.code(run))
        if job.ray.cluster is not None and job.verdict is None:
            found["ray"] = _there("ray.cluster", await self._named.ray(run))
        return job.model_copy(update=found)

    async def _read(self, key: RunKey) -> Run | None:
        """Look at a run itself; one that is gone has its attempts ended."""
        run = await self._api.read(key)
        self._outdated.discard(key)
        known = self._cache.get(key)
        if run is not None:
            self._cache.put(run)
        else:
            if known is not None:
                self._cache.remove(known.uid, key)
            self._written.pop(key, None)
            self._writes.forget(key)
            self._queue.forget(key)
            self._realisers.release(key)
            self._made.forget(key)
        return run

    async def _delete(self, run: Run, why: str) -> None:
        if run.held_by:
            raise DeletionRefusedError(f"it is held by the finalizers {', '.join(run.held_by)}")
        await self._api.delete(run)
        logger.info("Deleted: %s", why)

    async def _tell(self, run: Run, event: Event, now: datetime) -> None:
        with tolerated(logger, f"Event {event.reason} was not created"):
            await self._api.tell(run, event, now)

    def _status_age(self, run: Run) -> float:
        written = self._written.get(run.key)
        return float("inf") if written is None else time.monotonic() - written

    def _subject(self, key: RunKey) -> Subject:
        run = self._cache.get(key)
        return Subject(run=key[1], namespace=key[0]) if run is None else subject_of(run)

    def _note_written(self, run: Run) -> None:
        if run.finished:
            self._written.pop(run.key, None)
        else:
            self._written[run.key] = time.monotonic()

    def _failed(self, key: RunKey, error: Exception) -> None:
        kind = classify(error)
        refused = kind is ErrorKind.REFUSED
        delay = self._queue.add_failed(key, LONGEST_REFUSAL if refused else LONGEST_DELAY)
        self._staleness.failed(key)
        self._meters.add(RECONCILES, kind.value if kind else "error")
        if kind in {ErrorKind.CONFLICT, ErrorKind.TRANSIENT}:
            # What became of a write is unknown, or somebody else wrote: the watch may be behind.
            self._outdated.add(key)
        match kind:
            case ErrorKind.CONFLICT:
                logger.debug("Changed meanwhile, again in %.2f s", delay)
            case ErrorKind.LOST:
                logger.debug("Gone meanwhile")
            case ErrorKind.TRANSIENT:
                logger.warning("%s; again in %.1f s", message_of(error), delay)
            case ErrorKind.REFUSED:
                logger.warning("Cannot be deleted: %s; again in %.1f s", error, delay)
            case _:
                logger.error("An error of the operator's; again in %.1f s", delay, exc_info=error)


async def _or_why(found: Awaitable[Found]) -> Found | InvalidDefinitionError:
    try:
        return await found
    except InvalidDefinitionError as error:
        return error


def _there(field: str, found: Found | Wait) -> Found:
    """What a run names in a field. The intent is recorded: it is too late to wait."""
    if isinstance(found, Wait):
        raise InvalidDefinitionError([Violation(field, found.message)])
    return found
