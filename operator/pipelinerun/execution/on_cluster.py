"""Executes pipelines on a Ray cluster that is there already, each as a job of its own."""

import atexit
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pipelinerun
from pipelinerun.api.envelope import sealed
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.names import CLUSTER_TOKEN
from pipelinerun.api.status import Outcome
from pipelinerun.engine.errors import SupplyError
from pipelinerun.engine.job_client import (
    ClusterRefusedError,
    ClusterUnreachableError,
    JobClient,
    JobState,
)
from pipelinerun.engine.supply import fetched
from pipelinerun.execution import cluster_driver, job_outcomes
from pipelinerun.execution.at_exit import quiet_logging
from pipelinerun.execution.handle import ExecutionHandle
from pipelinerun.execution.job_log import JobLog
from pipelinerun.execution.lineage import write_report
from pipelinerun.execution.options import ExecutionOptions
from pipelinerun.execution.outcomes import cannot_start
from pipelinerun.execution.result import ExecutionResult
from pipelinerun.execution.strategy import DEFAULT_OPTIONS, ProcessExecutionStrategy

PATIENCE = 60.0
"""Seconds that a job goes on when nobody follows it, and that we wait for a cluster which does not
answer."""
WORDS_PER_PATIENCE = 6
CONNECT_PATIENCE = 15.0
_POLL_SECONDS, _POLL_SECONDS_AT_END = 2.0, 0.2
_STOP_SECONDS = 15.0
"""After the grace; an end is seen late."""
_LOG_SECONDS = 10.0

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster.

    Attributes:
        address: of its dashboard.
        token: that it asks for, if it does.
    """

    address: str
    token: str | None = field(default=None, repr=False)


def cluster_of(job: PipelineJob, *, token: str | None) -> Cluster | None:
    """The cluster that a job is for, if it is for one; finally stages need no Ray."""
    address = job.ray.address
    return Cluster(address, token) if address and job.verdict is None else None


def token_of(environment: Mapping[str, str]) -> str | None:
    """The token for clusters: in ``RAY_AUTH_TOKEN`` or the file of ``RAY_AUTH_TOKEN_PATH``."""
    token, path = environment.get(CLUSTER_TOKEN), environment.get(f"{CLUSTER_TOKEN}_PATH")
    if not token and path and Path(path).is_file():
        token = Path(path).read_text()
    return (token or "").strip() or None


class ClusterStrategy(ProcessExecutionStrategy):
    """Submits each pipeline as a job, and follows it to its end.

    A job ends when it is told to, and by itself when nobody has followed it for ``patience``
    seconds. An attempt is one job: executing it again follows the job that is there. Before an
    attempt is submitted, jobs of earlier attempts of its run have ended.
    """

    def __init__(self, cluster: Cluster, *, patience: float = PATIENCE) -> None:
        self._cluster, self._patience = cluster, patience

    def execute(
        self, config: PipelineJob, options: ExecutionOptions = DEFAULT_OPTIONS
    ) -> ExecutionResult:
        """See ``ProcessExecutionStrategy``. KeyboardInterrupt ends the job of a blocking one."""
        handle = ClusterHandle(config, options, self._cluster, patience=self._patience)
        handle.start()
        if not options.block:
            return ExecutionResult(interface=handle)
        try:
            outcome = handle.wait()
        except BaseException:
            handle.stop()
            raise
        assert outcome is not None  # waited without a timeout
        return ExecutionResult.of(outcome)


class ClusterHandle(ExecutionHandle):
    """The handle of a job that a thread of this process follows."""

    def __init__(
        self,
        job: PipelineJob,
        options: ExecutionOptions,
        cluster: Cluster,
        *,
        patience: float = PATIENCE,
    ) -> None:
        self._job, self._grace = job, options.grace
        self._cluster, self._patience = cluster, patience
        self._name = job_name(job.run)
        self._wake = threading.Event()
        self._log = JobLog(options, on_outcome=self._wake.set)
        self._stopping, self._draining = threading.Event(), threading.Event()
        self._outcome: Outcome | None = None
        self._ended = threading.Event()
        self._voice = uuid.uuid4().hex
        self._spoken = 0
        self._thread = threading.Thread(target=self._execute, name="job", daemon=True)

    def start(self) -> None:
        """See ``ExecutionHandle``."""
        if self._thread.ident is None:
            atexit.register(self._at_exit)
            self._thread.start()

    def stop(self) -> None:
        """Have the cluster end the job: SIGTERM, the grace, SIGKILL. Waits for the end."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._ended.wait(self._grace + 2 * _STOP_SECONDS)

    def drain(self) -> None:
        """See ``ExecutionHandle``."""
        self._draining.set()
        self._wake.set()

    def wait(self, timeout: float | None = None) -> Outcome | None:
        """See ``ExecutionHandle``."""
        self._ended.wait(timeout)
        return self._outcome

    @property
    def outcome(self) -> Outcome | None:
        """See ``ExecutionHandle``."""
        return self._outcome

    def _at_exit(self) -> None:
        quiet_logging()
        self.stop()

    def _execute(self) -> None:
        start, started = time.monotonic(), datetime.now(UTC)
        try:
            outcome = self._run()
            if not outcome.elapsed_seconds:  # else the job has measured it
                outcome = outcome.model_copy(update={"elapsed_seconds": time.monotonic() - start})
            write_report(self._job, outcome, started=started, ended=datetime.now(UTC))
            self._outcome = outcome
        finally:
            self._ended.set()
            atexit.unregister(self._at_exit)

    def _run(self) -> Outcome:
        try:
            job = fetched(self._job, self._stopping)
        except SupplyError as error:
            return Outcome(exit_code=error.exit_code, failure=error.failure)
        outcome = self._run_job(job)
        commit = None if job.fetched is None else job.fetched.commit
        return outcome.model_copy(update={"commit": commit})

    def _run_job(self, job: PipelineJob) -> Outcome:
        try:
            client = self._persistently(self._connect, CONNECT_PATIENCE)
            self._end_earlier(client)
            if self._stopping.is_set():
                return job_outcomes.of_stop()
            self._persistently(lambda: self._submit(client, job), self._patience)
        except ClusterRefusedError as error:
            return job_outcomes.refused(f"{self._cluster.address}: {error}")
        except ClusterUnreachableError as error:
            if self._stopping.is_set():
                return job_outcomes.of_stop()
            return cannot_start(f"{self._cluster.address}: {error}")
        following = threading.Thread(target=self._follow, args=(client,), name="log", daemon=True)
        following.start()
        outcome = self._attend(client)
        if self._log.outcome is None:  # which is the last that a job has to say
            following.join(_LOG_SECONDS)
        self._log.given_up.set()
        return self._log.completed(outcome)

    def _connect(self) -> JobClient:
        return JobClient(self._cluster.address, self._cluster.token)

    def _end_earlier(self, client: JobClient) -> None:
        """End the job of the last attempt before this one, which has seen to those before it."""
        for number in range(self._job.run.attempt - 1, 0, -1):
            name = job_name(self._job.run.model_copy(update={"attempt": number}))
            state = self._persistently(lambda name=name: client.state(name), self._patience)  # type: ignore[misc]
            if state is not None:
                self._end(client, name, state)
                return

    def _end(self, client: JobClient, name: str, state: JobState | None) -> None:
        deadline = time.monotonic() + self._grace + self._patience
        while state is not None and not state.ended:
            if time.monotonic() > deadline:
                raise ClusterUnreachableError(f"job {name} of an earlier attempt does not end")
            client.stop(name)
            time.sleep(_POLL_SECONDS_AT_END)
            state = client.state(name)

    def _submit(self, client: JobClient, job: PipelineJob) -> None:
        if client.state(self._name) is not None:
            return
        client.submit(
            self._name,
            cluster_driver.command(self._name, grace=self._grace, patience=self._patience),
            files={cluster_driver.JOB: sealed(job.model_dump_json(by_alias=True))},
            modules=[Path(pipelinerun.__file__).parent],
            variables={"RAY_JOB_STOP_WAIT_TIME_S": str(max(1, round(self._grace)))},
        )

    def _attend(self, client: JobClient) -> Outcome:
        """Look after the job until it has ended, or nobody can tell."""
        heard = time.monotonic()
        speak_at = stop_until = 0.0
        told_to_drain = False
        while True:
            self._wake.clear()
            now = time.monotonic()
            if self._stopping.is_set():
                stop_until = stop_until or now + self._grace + _STOP_SECONDS
            try:
                state = client.state(self._name)
                if state is None:
                    return job_outcomes.lost("the cluster does not know the job any more")
                if state.ended:
                    return self._log.outcome or self._judged(client, state)
                if self._stopping.is_set():
                    client.stop(self._name)
                drain = self._draining.is_set()
                if now >= speak_at or drain != told_to_drain:
                    client.leave_word(self._name, self._word(drain=drain))
                    speak_at, told_to_drain = now + self._patience / WORDS_PER_PATIENCE, drain
                heard = now
            except (ClusterUnreachableError, ClusterRefusedError) as error:
                if now - heard > self._patience:
                    return self._out_of_sight(error)
            if stop_until and now > stop_until:
                return job_outcomes.of_stop(killed=True)
            self._wake.wait(self._pause())

    def _pause(self) -> float:
        at_end = self._log.outcome is not None or self._stopping.is_set()
        return _POLL_SECONDS_AT_END if at_end else _POLL_SECONDS

    def _word(self, *, drain: bool) -> bytes:
        self._spoken += 1
        return cluster_driver.word(f"{self._voice}-{self._spoken}", drain=drain)

    def _judged(self, client: JobClient, state: JobState) -> Outcome:
        """The job may have told its outcome, and nobody has read it yet."""
        try:
            told = self._log.outcome_in(client.log(self._name))
        except (ClusterUnreachableError, ClusterRefusedError):  # its node is gone
            told = None
        stopped = self._stopping.is_set()
        return told or job_outcomes.of_job(state, ready=self._log.ready, stopped=stopped)

    def _out_of_sight(self, error: Exception) -> Outcome:
        if self._stopping.is_set():
            return job_outcomes.of_stop(killed=True)
        text = f"nothing was heard of the cluster for {self._patience:.0f} s: {error}"
        return job_outcomes.lost(text)

    def _follow(self, client: JobClient) -> None:
        """Show the log, and begin again after an interruption."""
        while not self._log.given_up.is_set():
            self._log.begin()
            try:
                client.follow(self._name, self._log.show, self._log.given_up)
            except (ClusterUnreachableError, ClusterRefusedError):
                self._log.given_up.wait(_POLL_SECONDS)
            else:
                break
        self._wake.set()

    def _persistently(self, call: Callable[[], _Result], seconds: float) -> _Result:
        """The result of a call that is made again until it succeeds, for some seconds."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return call()
            except ClusterUnreachableError:
                if self._stopping.wait(_POLL_SECONDS) or time.monotonic() > deadline:
                    raise


def job_name(run: RunIdentity) -> str:
    """The name of an attempt's job: the same whenever it is asked for, and nobody else's."""
    uid = uuid.uuid4().hex if run.uid == RunIdentity().uid else run.uid
    return f"pipelinerun-{uid}-{run.attempt}"
