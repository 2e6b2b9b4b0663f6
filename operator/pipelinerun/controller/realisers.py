"""The realisers of an operator, by what a run asks for."""

from collections.abc import Iterator, Mapping

from pipelinerun.api.spec import Mode
from pipelinerun.controller.clusters.made import MadeClusters
from pipelinerun.controller.clusters.realiser import OnMadeCluster
from pipelinerun.controller.realiser import Realiser
from pipelinerun.controller.runs import Run, RunKey


class Realisers:
    """One realiser for each mode; a cluster may come before."""

    def __init__(self, by_mode: Mapping[Mode, Realiser], clusters: MadeClusters) -> None:
        self._by_mode, self._clusters = by_mode, clusters

    def __iter__(self) -> Iterator[Realiser]:
        return iter(self._by_mode.values())

    def of(self, run: Run) -> Realiser:
        """The realiser of a run. One whose mode cannot be read is nobody's: any one will do."""
        if run.spec is None:
            return self._by_mode["InProcess"]
        realiser = self._by_mode[run.spec.mode]
        if run.spec.ray.cluster_template is None:
            return realiser
        return OnMadeCluster(run, realiser, self._clusters)

    async def end(self, run: Run) -> None:
        """Nothing of the run's attempts may be left waiting or running, whatever its mode was."""
        for realiser in self:
            await realiser.end(run)

    def release(self, key: RunKey, keep_uid: str | None = None) -> None:
        """Nothing needs the attempts of the runs of that name any more but ``keep_uid``'s."""
        for realiser in self:
            realiser.release(key, keep_uid)
