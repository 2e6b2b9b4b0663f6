"""How the enabled stages of a definition are connected. Pure."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from heapq import heappop, heappush
from itertools import pairwise, product

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.stage import Stage

Link = tuple[str, str]


@dataclass(frozen=True)
class Topology:
    """The enabled stages of a definition without violations.

    Attributes:
        stages: by name, each behind all that feed it; else in the order written.
        before: whose rows a stage takes, by its name, in the same order.
        after: who takes the rows of a stage, by its name, in the same order.
    """

    stages: Mapping[str, Stage]
    before: Mapping[str, tuple[str, ...]]
    after: Mapping[str, tuple[str, ...]]

    def through(self, names: Iterable[str], behind: Container[str] = ()) -> set[str]:
        """These stages and all upstream of them, but for what is not ``behind`` some stages."""
        found: set[str] = set()
        waiting = [*names]
        while waiting:
            name = waiting.pop()
            if name not in found and name not in behind:
                found.add(name)
                waiting += self.before[name]
        return found

    def sinks(self) -> list[str]:
        """The stages that no other comes after."""
        return [name for name, after in self.after.items() if not after]


def topology_of(definition: PipelineDefinition) -> Topology:
    """How the enabled stages of a definition without violations are connected."""
    written = {stage.name: stage for stage in definition.stages if stage.enabled}
    before: dict[str, list[str]] = {name: [] for name in written}
    after: dict[str, list[str]] = {name: [] for name in written}
    for first, second in links(definition):
        before[second].append(first)
        after[first].append(second)
    order = [*_ordered([*written], before)]
    return Topology(
        {name: written[name] for name in order},
        {name: tuple(before[name]) for name in order},
        {name: tuple(after[name]) for name in order},
    )


def links(definition: PipelineDefinition) -> list[Link]:
    """Connections between enabled stages; the neighbours of a disabled one are joined."""
    connected = written_links(definition)
    for stage in definition.stages:
        if not stage.enabled:
            before = [a for a, b in connected if b == stage.name]
            after = [b for a, b in connected if a == stage.name]
            kept = [link for link in connected if stage.name not in link]
            connected = [*kept, *(new for new in product(before, after) if new not in kept)]
    return connected


def written_links(definition: PipelineDefinition) -> list[Link]:
    """Connections as they are written; without any, the stages form a line."""
    if definition.edges:
        return [(edge.from_, edge.to) for edge in definition.edges]
    return list(pairwise(stage.name for stage in definition.stages))


def _ordered(written: list[str], before: Mapping[str, Iterable[str]]) -> Iterator[str]:
    places = {name: place for place, name in enumerate(written)}
    sorter = TopologicalSorter(before)
    sorter.prepare()
    ready: list[int] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heappush(ready, places[name])
        name = written[heappop(ready)]
        yield name
        sorter.done(name)
