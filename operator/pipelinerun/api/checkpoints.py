"""Rules for checkpoints, and for starting from one. Pure."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from pipelinerun.api import graph
from pipelinerun.api.definition import PipelineDefinition, Stage
from pipelinerun.api.violations import Violation

_FIELD = "resumeFrom"


def wrong_start(definition: PipelineDefinition, stage: str) -> Iterator[Violation]:
    """Why a run of a definition without violations cannot start at a stage, seen from the spec."""
    line = graph.stage_line(definition)
    names = [it.name for it in line]
    if stage not in names:
        yield Violation(_FIELD, no_stage(stage, names))
        return
    before = stage_before(line, stage)
    if before is None:
        yield Violation(_FIELD, f"{stage!r} is the first stage; leave it out to start there")
    elif before.checkpoint is None:
        yield Violation(_FIELD, f"stage {before.name!r} before {stage!r} has no checkpoint")


def wrong_paths(definition: PipelineDefinition) -> Iterator[Violation]:
    """Checkpoints that would overwrite each other, seen from the definition."""
    taken: dict[str, str] = {}
    for index, stage in enumerate(definition.stages):
        if stage.checkpoint is None or not stage.enabled:
            continue
        other = taken.setdefault(stage.checkpoint.rstrip("/"), stage.name)
        if other != stage.name:
            text = f"is the checkpoint of {other!r} already"
            yield Violation(f"stages[{index}].checkpoint", text)


def stage_before(line: Sequence[Stage], name: str) -> Stage | None:
    """The stage before the one that is named, in a line that has it; None before the first."""
    index = [stage.name for stage in line].index(name)
    return line[index - 1] if index else None


def no_stage(name: str, names: Sequence[str]) -> str:
    """What to say of a stage that is not among ``names``."""
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
    return f"no enabled stage is named {name!r}; {hint}"
