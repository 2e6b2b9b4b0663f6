"""Attempts that are each given a RayCluster."""

from dataclasses import replace

from pipelinerun.api.job import PipelineJob
from pipelinerun.api.ray import Ray
from pipelinerun.api.spec import Shutdown
from pipelinerun.api.status import Worker
from pipelinerun.api.violations import InvalidDefinitionError
from pipelinerun.controller.clusters.made import MadeClusters
from pipelinerun.controller.clusters.template import cluster_name
from pipelinerun.controller.realiser import Realiser
from pipelinerun.controller.runs import Run, RunKey
from pipelinerun.core.observed import Refusal, Sighting, Wait


class OnMadeCluster:
    """A ``Realiser`` of one run: another one has its attempts once their clusters are ready."""

    restartable = True
    """Whoever executes the attempt again follows the job that is there."""

    def __init__(self, run: Run, realiser: Realiser, clusters: MadeClusters) -> None:
        self._run, self._realiser, self._clusters = run, realiser, clusters

    @property
    def ready(self) -> bool:
        """See ``Sight``."""
        return self._realiser.ready

    def worker(self, run: Run, number: int) -> Worker:
        """With the cluster that the attempt will have; finally stages have none."""
        return self._with_cluster(self._realiser.worker(run, number), number)

    async def look(self, run: Run) -> None:
        """See ``Realiser``."""
        await self._realiser.look(run)

    def sighting(self, uid: str, number: int) -> Sighting | None:
        """What is seen of the attempt itself, else of its cluster."""
        seen = self._realiser.sighting(uid, number)
        if seen is None:
            return self._clusters.sighting(self._run, number)
        if seen.worker is None:
            return seen
        return replace(seen, worker=self._with_cluster(seen.worker, number))

    def refusal(self, run: Run) -> Refusal | None:
        """See ``Sight``."""
        return self._realiser.refusal(run)

    def wait(self, run: Run) -> Wait | None:
        """See ``Sight``."""
        return self._realiser.wait(run)

    def reserve(self, key: RunKey) -> None:
        """See ``Realiser``."""
        self._realiser.reserve(key)

    async def start(self, run: Run, job: PipelineJob) -> None:
        """Make the cluster; start the attempt once it is ready. Called again until then."""
        if job.verdict is None:
            try:
                ray = await self._clusters.ray(run, job.run.attempt)
            except InvalidDefinitionError as error:
                message = "; ".join(str(it.under("spec")) for it in error.violations)
                self._realiser.refuse(run, job, message)
                return
            self._clusters.note(run, None if isinstance(ray, Ray) else ray)
            if not isinstance(ray, Ray):
                return
            job = job.model_copy(update={"ray": ray})
        await self._realiser.start(run, job)

    def refuse(self, run: Run, job: PipelineJob, message: str) -> None:
        """See ``Realiser``."""
        self._realiser.refuse(run, job, message)

    async def stop(self, run: Run, number: int, how: Shutdown) -> None:
        """One that waits for its cluster never begins."""
        self._clusters.note(run, None)
        await self._realiser.stop(run, number, how)

    async def end(self, run: Run) -> None:
        """See ``Realiser``. Its clusters are seen to apart from that."""
        await self._realiser.end(run)

    def release(self, key: RunKey, keep_uid: str | None = None) -> None:
        """See ``Realiser``."""
        self._realiser.release(key, keep_uid)

    def _with_cluster(self, worker: Worker, number: int) -> Worker:
        if number < 0:
            return worker
        name = cluster_name(self._run.name, self._run.uid, number)
        return worker.model_copy(update={"ray_cluster": name})
