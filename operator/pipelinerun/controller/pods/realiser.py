"""Attempts in pods of their own."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from kubernetes.aio.client.exceptions import ApiException

from pipelinerun.api.job import PipelineJob
from pipelinerun.api.spec import Shutdown
from pipelinerun.api.status import EXECUTED_PHASES, Worker
from pipelinerun.api.violations import InvalidDefinitionError
from pipelinerun.controller.errors import message_of
from pipelinerun.controller.pods.api import PodApi
from pipelinerun.controller.pods.draining import Draining
from pipelinerun.controller.pods.judge import lost, sighting_of
from pipelinerun.controller.pods.pod import AttemptId, Pod, read_pod
from pipelinerun.controller.pods.progress import Progress
from pipelinerun.controller.pods.template import pod_manifest, pod_name
from pipelinerun.controller.realiser import never_started
from pipelinerun.controller.runs import Body, Run, RunKey
from pipelinerun.core import reasons
from pipelinerun.core.finishing import execution_of
from pipelinerun.core.observed import Refusal, Sighting, Wait

_INVALID = frozenset({400, 413, 422})
_FORBIDDEN = 403


class WorkerPodRealiser:
    """A ``Realiser`` that gives each attempt a pod."""

    restartable = True
    ready = True  # what is not in sight is looked for

    def __init__(
        self,
        api: PodApi,
        progress: Progress,
        *,
        image: str | None,
        template: Mapping[str, Any],
        announce: Callable[[RunKey], None],
    ) -> None:
        """Prepare a realiser.

        Args:
            api: creates and reads pods.
            progress: asks workers how far they are.
            image: of the pods; None refuses all runs.
            template: laid over every pod, under the run's own template.
            announce: told the key of a run of which something new is seen.
        """
        self._api, self._progress = api, progress
        self._image, self._template = image, template
        self._announce = announce
        self._runs: dict[AttemptId, RunKey] = {}
        self._pods: dict[AttemptId, Pod] = {}
        self._gone: set[AttemptId] = set()
        self._doubted: set[AttemptId] = set()
        self._draining = Draining()
        self._refused: dict[AttemptId, Sighting] = {}

    def see(self, event: str | None, body: Body) -> None:
        """Take in what the watch says of a pod."""
        pod = read_pod(body)
        if pod is None:
            return
        self._put(pod)
        if event == "DELETED" and self._pods[pod.attempt].uid == pod.uid:
            self._gone.add(pod.attempt)
        self._announce(pod.run)

    def deleted(self, uid: str, _key: RunKey) -> None:
        """A pod is gone by a listing, and the watch did not say so. It is looked for once more."""
        for pod in [*self._pods.values()]:
            if pod.uid == uid:
                self._doubted.add(pod.attempt)
                self._announce(pod.run)

    def worker(self, run: Run, number: int) -> Worker:
        """The pod that an attempt would have."""
        return Worker(pod=pod_name(run.name, run.uid, number))

    async def look(self, run: Run) -> None:
        """Read the pod of an execution under way that the watch has not shown, or not truly."""
        attempt = (run.uid, execution_of(run.status))
        may_be_there = run.status.phase in EXECUTED_PHASES and attempt[1] != 0
        doubted = attempt in self._doubted
        if not may_be_there or (attempt in self._runs and not doubted):
            return
        body = await self._api.read(run.namespace, pod_name(run.name, *attempt))
        pod = None if body is None else read_pod(body)
        if pod is not None and pod.attempt == attempt:
            self._put(pod)
        elif doubted:
            self._gone.add(attempt)
        self._doubted.discard(attempt)

    def sighting(self, uid: str, number: int) -> Sighting | None:
        """What the attempt's pod says."""
        attempt = uid, number
        if attempt in self._refused:
            return self._refused[attempt]
        pod = self._pods.get(attempt)
        if pod is None:
            return None
        stages = self._progress.stages(attempt)
        seen = sighting_of(pod, stages, datetime.now(UTC))
        if attempt in self._gone and seen.sight != "Ended":
            seen = lost(pod, stages)
        trouble = self._draining.trouble(attempt)
        if trouble is not None and seen.sight == "Running":
            seen = replace(seen, reason=reasons.WORKER_UNREACHABLE, message=trouble)
        return replace(seen, worker=Worker(pod=pod.name, node=pod.node))

    def refusal(self, _run: Run) -> Refusal | None:
        """Without an image there is no pod."""
        if self._image is not None:
            return None
        text = "this operator has no image for worker pods; set spec.mode to InProcess"
        return Refusal(reasons.MODE_NOT_SUPPORTED, text)

    def wait(self, _run: Run) -> Wait | None:
        """The scheduler finds a place."""
        return None

    def reserve(self, key: RunKey) -> None:
        """Places are the scheduler's."""

    async def start(self, run: Run, job: PipelineJob) -> None:
        """Create the pod; one that is there already is the one."""
        attempt = job.run.uid, job.run.attempt
        assert self._image is not None  # such runs are refused
        assert run.spec is not None  # a job was made of it
        try:
            manifest = pod_manifest(
                job,
                image=self._image,
                templates=[self._template, run.spec.pod_template.model_dump(by_alias=True)],
                grace=run.spec.termination_grace_period_seconds,
            )
            body = await self._api.create(run.namespace, manifest)
        except Exception as error:
            refused = _refusal(job.run.attempt, error)
            if refused is None:
                self._forget(attempt)  # it may be there all the same: it is looked for
                raise
            self._refuse(run, job, refused)
            return
        self._refused.pop(attempt, None)
        self.see("ADDED", body)

    def refuse(self, run: Run, job: PipelineJob, message: str) -> None:
        """There is no pod to be."""
        self._refuse(run, job, never_started(job.run.attempt, message))

    async def stop(self, run: Run, number: int, how: Shutdown) -> None:
        """Delete a pod that has not begun; else have its worker drain, or its kubelet end it."""
        attempt = run.uid, number
        if self._refused.pop(attempt, None) is not None:
            del self._runs[attempt]  # so that it is looked for once more
            self._announce(run.key)
        pod = self._pods.get(attempt)
        if pod is None or pod.ended or attempt in self._gone:
            return
        if not pod.begun:
            # In the version that was seen: if it has begun meanwhile, that will be seen too.
            await self._api.delete(run.namespace, pod.name, pod.uid, version=pod.version)
        elif how == "Drain":
            if await self._draining.tell(pod):
                self._announce(run.key)
        elif not pod.stopped:
            await self._api.stop(run.namespace, pod.name, pod.uid)

    async def end(self, run: Run) -> None:
        """Delete pods that would go on waiting; those that have ended stay, with their logs."""
        for pod in [*self._pods.values()]:
            if pod.run == run.key and pod.attempt[0] == run.uid and not pod.ended:
                await self._api.delete(run.namespace, pod.name, pod.uid)

    def release(self, key: RunKey, keep_uid: str | None = None) -> None:
        """Forget the attempts. Their pods stay, with their logs, for as long as the run does."""
        for attempt, run in [*self._runs.items()]:
            if run == key and attempt[0] != keep_uid:
                self._forget(attempt)

    async def run(self) -> None:
        """Ask the workers how far they are, for ever."""
        await self._progress.run(lambda: [*self._pods.values()])

    def _refuse(self, run: Run, job: PipelineJob, sighting: Sighting) -> None:
        attempt = job.run.uid, job.run.attempt
        self._runs[attempt] = run.key
        self._refused[attempt] = sighting
        self._announce(run.key)

    def _put(self, pod: Pod) -> None:
        known = self._pods.get(pod.attempt)
        if known is not None and known.version > pod.version:
            return
        if known is not None and known.uid != pod.uid:
            self._forget(pod.attempt)
        self._pods[pod.attempt] = pod
        self._runs[pod.attempt] = pod.run
        self._refused.pop(pod.attempt, None)

    def _forget(self, attempt: AttemptId) -> None:
        self._runs.pop(attempt, None)
        self._refused.pop(attempt, None)
        self._pods.pop(attempt, None)
        self._gone.discard(attempt)
        self._doubted.discard(attempt)
        self._progress.forget(attempt)
        self._draining.forget(attempt)


def _refusal(number: int, error: Exception) -> Sighting | None:
    """What the refusal of a pod means; None if it is not this pod that is refused."""
    if isinstance(error, InvalidDefinitionError):
        return never_started(number, "; ".join(str(it.under("spec")) for it in error.violations))
    if not isinstance(error, ApiException):
        return None
    message = message_of(error)
    if error.status in _INVALID:
        return never_started(number, f"spec.podTemplate: {message}")
    if error.status == _FORBIDDEN:
        return Sighting(number, "Starting", reason=reasons.POD_REFUSED, message=message)
    return None
