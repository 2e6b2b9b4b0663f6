"""Rules for checkpoints, and for starting from one. Pure."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.topology import Topology, topology_of
from pipelinerun.api.violations import Violation

_FIELD = "resumeFrom"


def wrong_start(definition: PipelineDefinition, stage: str) -> Iterator[Violation]:
    """Why a run of a definition without violations cannot start at a stage, seen from the spec."""
    topology = topology_of(definition)
    names = [*topology.stages]
    if stage not in names:
        yield Violation(_FIELD, no_stage(stage, names))
        return
    before = topology.before[stage]
    if not before:
        text = f"{stage!r} is the first stage" if stage == names[0] else f"{stage!r} is a source"
        yield Violation(_FIELD, f"{text}; leave it out to start there")
    for name in before:
        if topology.stages[name].checkpoint is None:
            yield Violation(_FIELD, f"stage {name!r} before {stage!r} has no checkpoint")


def wrong_checkpoints(definition: PipelineDefinition) -> Iterator[Violation]:
    """Checkpoints that cannot be, in a definition whose graph has no violations."""
    yield from _wrong_places(definition)
    yield from _wrong_paths(definition)


def _wrong_places(definition: PipelineDefinition) -> Iterator[Violation]:
    """Checkpoints that rows go past.

    The plan that writes a checkpoint runs all stages upstream of it, back to other checkpoints.
    Rows that go past it would have to be held meanwhile, or computed again.
    """
    topology = topology_of(definition)
    for index, stage in enumerate(definition.stages):
        if stage.checkpoint is None or not stage.enabled:
            continue
        past = _past(topology, stage.name)
        if past is not None:
            first, other = past
            text = (
                f"rows of {first!r} go past it, to {other!r}; all that comes of {first!r} has to"
                f" reach it, or {first!r} to have a checkpoint as well"
            )
            yield Violation(f"stages[{index}].checkpoint", text)


def _past(topology: Topology, stage: str) -> tuple[str, str] | None:
    """The first connection by which rows go past a stage that is behind them."""
    kept = {name for name, it in topology.stages.items() if it.checkpoint is not None}
    upstream = topology.through([stage], behind=kept - {stage})
    for name in topology.stages:
        if name in upstream and name != stage:
            for other in topology.after[name]:
                if other not in upstream:
                    return name, other
    return None


def _wrong_paths(definition: PipelineDefinition) -> Iterator[Violation]:
    """Checkpoints that would overwrite each other."""
    taken: dict[str, str] = {}
    for index, stage in enumerate(definition.stages):
        if stage.checkpoint is None or not stage.enabled:
            continue
        other = taken.setdefault(stage.checkpoint.rstrip("/"), stage.name)
        if other != stage.name:
            text = f"is the checkpoint of {other!r} already"
            yield Violation(f"stages[{index}].checkpoint", text)


def no_stage(name: str, names: Sequence[str]) -> str:
    """What to say of a stage that is not among ``names``."""
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
    return f"no enabled stage is named {name!r}; {hint}"
