"""How far a run is, as the driver knows it: besides what the stages report of themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipelinerun.api.status import StageState, StageStatus


@dataclass
class Course:
    """The course of one run; changed by the driver while the run goes on.

    Attributes:
        current: stage whose code this process calls, or whose rows it writes or reads.
        counted: stages that report their own rows; the others are counted by their neighbours.
        skipped: stages that do not run, for their rows come from a checkpoint.
        kept: rows in the complete checkpoint of a stage.
    """

    current: str | None = None
    counted: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    kept: dict[str, int] = field(default_factory=dict)

    def running(self, reported: Sequence[StageStatus]) -> list[StageStatus]:
        """All stages while the run goes on. All up to a complete checkpoint have succeeded."""
        stages = [self._placed(stage) for stage in _joined(reported, self.counted | self.skipped)]
        through = max((i for i, it in enumerate(stages) if it.name in self.kept), default=-1)
        done = [_in_state(it, "Succeeded") for it in stages[: through + 1]]
        return [*done, *stages[through + 1 :]]

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

    def _placed(self, stage: StageStatus) -> StageStatus:
        changes: dict[str, object] = {"state": "Skipped"} if stage.name in self.skipped else {}
        if stage.name in self.kept:
            changes |= {"checkpointed": True, "rows_out": self.kept[stage.name]}
        return stage.model_copy(update=changes)


def _in_state(stage: StageStatus, state: StageState) -> StageStatus:
    return stage if stage.state == "Skipped" else stage.model_copy(update={"state": state})


def _joined(stages: Sequence[StageStatus], counted: set[str]) -> list[StageStatus]:
    """Counts of stages that Ray Data runs by itself, taken from the stages next to them."""
    if not stages:
        return []
    first, last = stages[0], stages[-1]
    if first.name not in counted and len(stages) > 1:
        first = first.model_copy(update={"rows_out": stages[1].rows_in, "state": stages[1].state})
    if last.name not in counted and len(stages) > 1:
        before = first if len(stages) == 2 else stages[-2]  # noqa: PLR2004 - source and sink
        last = last.model_copy(update={"rows_in": before.rows_out, "state": before.state})
    return [first, *stages[1:-1], last]
