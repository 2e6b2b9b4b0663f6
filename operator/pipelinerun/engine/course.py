"""How far a run is, as the driver knows it: besides what the stages report of themselves."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from pipelinerun.api.status import StageState, StageStatus
from pipelinerun.api.topology import Topology


@dataclass
class Course:
    """The course of one run; changed by the driver while the run goes on.

    Attributes:
        topology: the stages and how they are connected.
        current: stage whose code this process calls, or whose rows it writes or reads.
        counted: stages that report their own rows; the others are counted by their neighbours.
        skipped: stages that do not run, for their rows come from a checkpoint.
        kept: rows in the complete checkpoint of a stage.
    """

    topology: Topology
    current: str | None = None
    counted: set[str] = field(default_factory=set)
    skipped: Set[str] = frozenset()
    kept: dict[str, int] = field(default_factory=dict)

    def running(self, reported: Sequence[StageStatus]) -> list[StageStatus]:
        """All stages while the run goes on. All up to a complete checkpoint have succeeded."""
        done = self.topology.through(self.kept)
        stages = [self._placed(stage) for stage in self._joined(reported)]
        return [_in_state(it, "Succeeded") if it.name in done else it for it in stages]

    def succeeded(self, reported: Sequence[StageStatus]) -> list[StageStatus]:
        """All stages at the end of a run that succeeded."""
        return [_in_state(stage, "Succeeded") for stage in self.running(reported)]

    def failed(self, reported: Sequence[StageStatus], stage: str | None) -> list[StageStatus]:
        """All stages at the end of a run that failed: what was running has been stopped."""
        ends: Mapping[StageState, StageState] = {"Running": "Stopped"}
        return [
            _in_state(it, "Failed" if it.name == stage else ends.get(it.state, it.state))
            for it in self.running(reported)
        ]

    def _joined(self, reported: Sequence[StageStatus]) -> list[StageStatus]:
        """Counts of readers and writers that Ray Data runs, taken from the stages next to them."""
        stages = {stage.name: stage for stage in reported}
        not_counted = [name for name in stages if name not in self.counted | self.skipped]
        for name in not_counted:  # a reader comes before a writer that is next to it
            before = [stages[it] for it in self.topology.before[name]]
            after = [stages[it] for it in self.topology.after[name]]
            if not before and len(after) == 1 and len(self.topology.before[after[0].name]) == 1:
                changes = {"rows_out": after[0].rows_in, "state": after[0].state}
            elif not after:
                states = {it.state for it in before}
                changes = {
                    "rows_in": sum(it.rows_out for it in before),
                    "state": "Running" if "Running" in states else "Pending",
                }
            else:
                continue
            stages[name] = stages[name].model_copy(update=changes)
        return [*stages.values()]

    def _placed(self, stage: StageStatus) -> StageStatus:
        changes: dict[str, object] = {"state": "Skipped"} if stage.name in self.skipped else {}
        if stage.name in self.kept:
            changes |= {"checkpointed": True, "rows_out": self.kept[stage.name]}
        return stage.model_copy(update=changes)


def _in_state(stage: StageStatus, state: StageState) -> StageStatus:
    return stage if stage.state == "Skipped" else stage.model_copy(update={"state": state})
