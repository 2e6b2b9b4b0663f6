"""Rules over the graph of stages. Pure; every violation is reported, each with its field."""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.stage import Stage
from pipelinerun.api.topology import Link, links, written_links
from pipelinerun.api.violations import Violation


def violations(definition: PipelineDefinition) -> list[Violation]:
    """Everything that is wrong with the graph of stages and edges."""
    found = [*_wrong_names(definition), *_wrong_edges(definition)]
    if found:
        return found
    cycle = _cycle(definition)
    if cycle:
        return [Violation("edges", f"form a cycle: {' -> '.join(cycle)}")]
    return [
        *_wrong_ends(definition),
        *_unreachable(definition),
        *_wrong_order(definition),
        *_wrong_phases(definition),
        *_wrong_queues(definition),
    ]


def _wrong_names(definition: PipelineDefinition) -> Iterator[Violation]:
    seen: set[str] = set()
    for index, stage in enumerate(definition.stages):
        if stage.name in seen:
            yield Violation(f"stages[{index}].name", f"{stage.name!r} is used twice")
        seen.add(stage.name)
    for index, last in enumerate(definition.finally_):
        if last.name in seen:
            yield Violation(f"finally[{index}].name", f"{last.name!r} is used twice")
        seen.add(last.name)
    declared: set[str] = set()
    for index, param in enumerate(definition.params):
        if param.name in declared:
            yield Violation(f"params[{index}].name", f"{param.name!r} is declared twice")
        declared.add(param.name)


def _wrong_edges(definition: PipelineDefinition) -> Iterator[Violation]:
    names = {stage.name for stage in definition.stages}
    seen: set[Link] = set()
    for index, edge in enumerate(definition.edges):
        for field, name in (("from", edge.from_), ("to", edge.to)):
            if name not in names:
                yield Violation(f"edges[{index}].{field}", f"no stage is named {name!r}")
        if (edge.from_, edge.to) in seen:
            yield Violation(f"edges[{index}]", f"{edge.from_} -> {edge.to} is written twice")
        seen.add((edge.from_, edge.to))


def _cycle(definition: PipelineDefinition) -> list[str]:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for before, after in written_links(definition):
        sorter.add(after, before)
    try:
        sorter.prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        return cycle
    return []


def _wrong_ends(definition: PipelineDefinition) -> Iterator[Violation]:
    connected = links(definition)
    have_upstream = {after for _, after in connected}
    have_downstream = {before for before, _ in connected}
    enabled = [stage for stage in definition.stages if stage.enabled]
    for kind in ("source", "sink"):
        if not any(stage.type == kind for stage in enabled):
            yield Violation("stages", f"no enabled stage is a {kind}")
    for index, stage in _enabled(definition):
        if stage.type == "source" and stage.name in have_upstream:
            yield Violation(f"stages[{index}]", f"source {stage.name!r} has a stage before it")
        if stage.type == "sink" and stage.name in have_downstream:
            yield Violation(f"stages[{index}]", f"sink {stage.name!r} has a stage after it")
        if stage.type != "sink" and stage.name not in have_downstream:
            yield Violation(f"stages[{index}]", f"rows of {stage.name!r} reach no sink")


def _unreachable(definition: PipelineDefinition) -> Iterator[Violation]:
    upstream = _all_upstream(definition)
    sources = {stage.name for _, stage in _enabled(definition) if stage.type == "source"}
    for index, stage in _enabled(definition) if sources else ():
        if stage.type != "source" and not upstream[stage.name] & sources:
            yield Violation(f"stages[{index}]", f"{stage.name!r} is not reached from any source")


def _wrong_order(definition: PipelineDefinition) -> Iterator[Violation]:
    names = {stage.name for stage in definition.stages}
    disabled = {stage.name for stage in definition.stages if not stage.enabled}
    upstream = _all_upstream(definition)
    for index, stage in _enabled(definition):
        for position, name in enumerate(stage.runs_after):
            path = f"stages[{index}].runsAfter[{position}]"
            if name not in names:
                yield Violation(path, f"no stage is named {name!r}")
            elif name not in upstream[stage.name] | disabled:
                yield Violation(path, f"{name!r} is not upstream of {stage.name!r}")


def _wrong_phases(definition: PipelineDefinition) -> Iterator[Violation]:
    """Compare each phase with the highest one upstream: stages without a phase hide nothing."""
    by_name = {stage.name: stage for stage in definition.stages}
    upstream = _all_upstream(definition)
    for index, stage in _enabled(definition):
        if stage.phase is None:
            continue
        for name in sorted(upstream[stage.name]):
            phase = by_name[name].phase
            if phase is not None and phase > stage.phase:
                text = f"phase {stage.phase} comes after phase {phase} of {name!r}"
                yield Violation(f"stages[{index}].phase", text)


def _wrong_queues(definition: PipelineDefinition) -> Iterator[Violation]:
    bounded = {edge.to for edge in definition.edges if edge.queue_size is not None}
    kept = {stage.name for stage in definition.stages if stage.checkpoint is not None}
    before = {to: {first for first, second in links(definition) if second == to} for to in bounded}
    for index, edge in enumerate(definition.edges):
        path = f"edges[{index}].queueSize"
        if edge.to in bounded and edge.queue_size is None:
            yield Violation(path, f"is missing, and another edge to {edge.to!r} has it")
        for name in sorted(before.get(edge.to, set()) & kept):
            text = f"all rows of {name!r} are in its checkpoint before {edge.to!r} gets one"
            yield Violation(path, text)


def _enabled(definition: PipelineDefinition) -> Iterator[tuple[int, Stage]]:
    return ((i, stage) for i, stage in enumerate(definition.stages) if stage.enabled)


def _all_upstream(definition: PipelineDefinition) -> dict[str, set[str]]:
    connected = links(definition)
    direct: dict[str, set[str]] = {stage.name: set() for stage in definition.stages}
    for before, after in connected:
        direct[after].add(before)
    upstream: dict[str, set[str]] = {}
    for name in TopologicalSorter(direct).static_order():
        upstream[name] = direct[name].union(*(upstream[other] for other in direct[name]))
    return upstream
