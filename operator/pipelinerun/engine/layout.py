"""How a graph of stages is laid out as plans that Ray Data can run. Pure.

A plan of Ray Data is a tree: an operator feeds one other, and a Dataset that is used twice is
computed twice. Where every stage feeds one other a plan is laid out as the graph is, and rows
travel as they are. From the first stage on that feeds several, all stages stand in one line, and
rows travel in parcels that are addressed to the stages that still have to take them.

Plans run one after the other: one for each checkpoint, and then the rest in as few as possible.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelinerun.api.stage import Stage
from pipelinerun.api.topology import Topology


@dataclass(frozen=True)
class Step:
    """A stage in a plan.

    Attributes:
        stage: its definition.
        feeds: stages of the plan that take its rows.
        before: stages whose rows it takes, joined; none where it brings rows, or takes parcels.
        parcels: whether it takes its rows out of the parcels that come by.
        packs: whether it puts out parcels, addressed to those that it feeds.
        restored: whether its rows are in a checkpoint, and it does not run.
    """

    stage: Stage
    feeds: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    parcels: bool = False
    packs: bool = False
    restored: bool = False

    @property
    def to(self) -> tuple[str, ...]:
        """Whom its parcels are addressed to; nobody where it puts out rows."""
        return self.feeds if self.packs else ()

    @property
    def is_pool(self) -> bool:
        """Whether it is a class that runs in processes of its own; a source is one task."""
        return self.stage.actor is not None and not self.brings

    @property
    def brings(self) -> bool:
        """Whether its rows come into the plan here."""
        return not (self.before or self.parcels)


@dataclass(frozen=True)
class Plan:
    """Stages that run at the same time.

    Attributes:
        steps: in the order to put them together: each behind those that feed it.
        kept: the stage whose rows come out in the end, for its checkpoint.
        given: sinks that are given a Dataset of what comes out in the end.
        parcels: whether parcels come out for them, and not rows.
        held: whether all of that has to be there before the first sink is called.
    """

    steps: tuple[Step, ...]
    kept: Stage | None = None
    given: tuple[Stage, ...] = ()
    parcels: bool = False
    held: bool = False

    def direct(self, step: Step) -> bool:
        """Whether a stage takes the rows of this step as they are, and no others."""
        return any(other.before == (step.stage.name,) for other in self.steps)

    def counts(self, sink: Stage) -> bool:
        """Whether a sink that is given something has to be counted by itself.

        Else those that put out its rows are counted.
        """
        return self.parcels or any(step.restored and sink.name in step.feeds for step in self.steps)

    def lines(self, undemanding: Callable[[Stage], bool]) -> list[list[Step]]:
        """The steps by where they run: each line begins with one that has processes of its own.

        Behind a class come the undemanding functions that take what it puts out, and nothing else.
        Ray Data joins functions to what is before them by itself, but not to a class.
        """
        lines: list[list[Step]] = []
        before: Step | None = None
        for step in self.steps:
            line = next((it for it in lines if _leads_to(it[-1], step, before)), None)
            before = step
            if line is not None and line[0].is_pool and undemanding(step.stage):
                line.append(step)
            else:
                lines.append([step])
        return lines


def plans_of(
    topology: Topology, *, given: Mapping[str, bool], restored: Collection[str] = ()
) -> list[Plan]:
    """The plans of a graph, in the order to run them.

    Args:
        topology: the stages, of a definition without violations.
        given: sinks that are given a Dataset, and whether it is certain that each reads it once,
            to its end. The other sinks of a plan get their rows as it does.
        restored: stages whose rows are in checkpoints already; what only they need does not run.
    """
    there = {*restored}
    left = topology.through(topology.sinks(), behind=there)
    plans: list[Plan] = []
    for name, stage in topology.stages.items():
        if stage.checkpoint is not None and name in left:
            names = topology.through([name], behind=there)
            plans.append(Plan(_steps(topology, names, ()), kept=stage))
            there.add(name)
            left -= names
    return plans + [_last(topology, part, given) for part in _apart(topology, left, given)]


def _last(topology: Topology, names: Collection[str], given: Mapping[str, bool]) -> Plan:
    """A plan that ends with sinks."""
    sinks = [stage for name, stage in topology.stages.items() if name in names and _is_sink(stage)]
    takers = tuple(sink for sink in sinks if sink.name in given)
    held = len(sinks) > 1 and bool(takers) and not _streams(takers, given)
    steps = _steps(topology, names, takers, held=held)
    taken = {taker.name for taker in takers}
    parcels = any(not taken.isdisjoint(step.to) for step in steps)
    return Plan(steps, given=takers, parcels=parcels, held=held)


def _apart(
    topology: Topology, names: Collection[str], given: Mapping[str, bool]
) -> list[Collection[str]]:
    """Stages of one plan each: all, if that streams.

    Else first those that share no rows with a sink that is given a Dataset, and then the others,
    part by part.
    """
    takers = [topology.stages[name] for name in topology.stages if name in names and name in given]
    if not takers or _streams(takers, given):
        return [names]
    parts = [*_parts(topology, names)]
    called = {name for part in parts if part.isdisjoint(given) for name in part}
    return [*([called] if called else ()), *(it for it in parts if not it.isdisjoint(given))]


def _streams(takers: Sequence[Stage], given: Mapping[str, bool]) -> bool:
    """Whether what these sinks are given can be the end of a plan that other sinks are in."""
    return len(takers) == 1 and given[takers[0].name]


def _parts(topology: Topology, names: Collection[str]) -> Iterator[set[str]]:
    """Groups of stages between which no rows go."""
    left = [name for name in topology.stages if name in names]
    while left:
        part: set[str] = set()
        waiting = [left[0]]
        while waiting:
            name = waiting.pop()
            if name in names and name not in part:
                part.add(name)
                waiting += [*topology.before[name], *topology.after[name]]
        yield part
        left = [name for name in left if name not in part]


def _steps(
    topology: Topology, names: Collection[str], takers: Sequence[Stage], *, held: bool = False
) -> tuple[Step, ...]:
    """The steps of a plan, but for the sinks that are given what comes out of it."""
    restored = {before for name in names for before in topology.before[name]}.difference(names)
    feeds = {
        name: tuple(it for it in after if it in names)
        for name, after in topology.after.items()
        if name in names or name in restored
    }
    behind_fork: set[str] = set()
    for name, fed in feeds.items():
        if len(fed) > 1 or name in behind_fork:
            behind_fork.update(fed)
    taking = {taker.name for taker in takers}
    addressed = behind_fork | taking if held else behind_fork
    steps = [
        Step(
            topology.stages[name],
            feeds=feeds[name],
            before=() if name in behind_fork or name in restored else topology.before[name],
            parcels=name in behind_fork,
            packs=not addressed.isdisjoint(feeds[name]),
            restored=name in restored,
        )
        for name in feeds
        if name not in taking
    ]
    return (*(it for it in steps if not it.parcels), *(it for it in steps if it.parcels))


def _leads_to(step: Step, other: Step, before: Step | None) -> bool:
    """Whether a step puts out just what the other takes; ``before`` is the one before the other."""
    if other.parcels:
        return step.parcels and step is before
    return other.before == (step.stage.name,)


def _is_sink(stage: Stage) -> bool:
    return stage.type == "sink"
