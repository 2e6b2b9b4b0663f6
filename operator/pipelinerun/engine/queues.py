"""Queues: how many rows are on their way to a stage, and whether there is room for more. Pure.

A row is on its way from when the stage before has put it out until the stage that it goes to has
reported it as worked on. Only what brings more is ever held, never a stage that takes rows out of a
queue, nor what is on its way already: so the stages cannot wait for one another.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.topology import Topology


@dataclass
class Flow:
    """Rows that a stage has taken and put out so far."""

    rows_in: int = 0
    rows_out: int = 0


@dataclass(frozen=True)
class Queue:
    """The rows on all edges into one stage.

    Attributes:
        to: the stage.
        before: the stages that its rows come from.
        size: how many rows there may be on their way.
    """

    to: str
    before: tuple[str, ...]
    size: int


def queues_of(definition: PipelineDefinition, topology: Topology) -> list[Queue]:
    """The queues that a definition without violations bounds.

    A stage that is called with batches gets a whole one, or it would wait for rows for ever.
    """
    sizes: dict[str, int] = {}
    for edge in definition.edges:
        if edge.queue_size is not None and edge.to in topology.stages:
            sizes[edge.to] = sizes.get(edge.to, 0) + edge.queue_size
    return [
        Queue(name, topology.before[name], max(size, topology.stages[name].batch_size or 0))
        for name, size in sizes.items()
    ]


class Queues:
    """The queues of one run."""

    def __init__(self, queues: Iterable[Queue], topology: Topology) -> None:
        self._queues = {queue.to: queue for queue in queues}
        self._next: dict[str, list[Queue]] = defaultdict(list)
        """Right behind a stage."""
        self._reached: dict[str, list[Queue]] = defaultdict(list)
        """Behind a stage, however far."""
        for queue in self._queues.values():
            for stage in queue.before:
                self._next[stage].append(queue)
            for stage in topology.through(queue.before):
                self._reached[stage].append(queue)
        self._claims: dict[str, int] = {}
        """Rows that a source has brought, or may bring; it reports them when they have left it."""

    def __bool__(self) -> bool:
        """Whether any is bounded."""
        return bool(self._queues)

    def size(self, stage: str) -> int | None:
        """How many rows may be on their way to a stage; None if nothing bounds them."""
        queue = self._queues.get(stage)
        return queue.size if queue else None

    def reached_from(self, stage: str) -> bool:
        """Whether rows of a stage reach a queue, however far behind it."""
        return stage in self._reached

    def full(self, stage: str, flows: Mapping[str, Flow]) -> bool:
        """Whether a stage is to take no new work, since there is no room for what it puts out."""
        return any(self._room(queue, flows) <= 0 for queue in self._next.get(stage, ()))

    def room(self, source: str, brought: int, flows: Mapping[str, Flow]) -> int:
        """How many more rows a source may bring that has brought so many, and has one in hand.

        None while a queue is full that its rows reach, however far behind it.
        """
        self._claims[source] = brought
        room = max(0, min(self._room(queue, flows) for queue in self._reached[source]))
        if any(len(queue.before) > 1 for queue in self._next.get(source, ())):
            # What is shared is given out row by row: who has got more may not need it for long.
            room = min(room, 1)
        self._claims[source] = brought + min(room, 1)
        return room

    def _room(self, queue: Queue, flows: Mapping[str, Flow]) -> int:
        put_out = sum(max(flows[it].rows_out, self._claims.get(it, 0)) for it in queue.before)
        return queue.size - (put_out - flows[queue.to].rows_in)
