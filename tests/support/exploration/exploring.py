"""Walking through all worlds, the nearest first, so that a counterexample is short."""

from array import array
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from tests.support.exploration.invariants import BrokenError, CounterexampleError, Invariant
from tests.support.exploration.scenario import Scenario
from tests.support.exploration.sights import OUTCOMES
from tests.support.exploration.steps import Steps, rests
from tests.support.exploration.times import Coarse
from tests.support.exploration.world import UNENDED, Version, World, attempt, essence, read

_ENDED = frozenset({*OUTCOMES, "lost", "refused", "refused for good"})


class Change(NamedTuple):
    """A change of phase that was written.

    Attributes:
        before: phase; a run without a status counts as Pending.
        after: phase.
        reason: of the condition Succeeded.
        event: reason of the Event that tells of it, if one does.
    """

    before: str
    after: str
    reason: str
    event: str | None


class Exploration:
    """Everything that can happen in one scenario, for runs of one mode.

    Attributes:
        worlds: all of them, each with its number.
        steps: how many there are between them.
    """

    def __init__(self, mode: str, scenario: Scenario) -> None:
        self.worlds: dict[World, int] = {}
        self.steps = 0
        self._scenario = scenario
        self._steps = Steps(mode, scenario, Coarse({*scenario.limits, *scenario.wish.limits}))
        self._came_from: list[tuple[int, str]] = []
        self._happy: tuple[array[int], array[int]] = (array("l"), array("l"))
        self._waiting: deque[World] = deque()

    @property
    def changes(self) -> set[Change]:
        """All changes of phase."""
        return {Change(*change) for change in self._steps.changes}

    def run(self) -> "Exploration":
        """Walk through all worlds.

        Raises:
            CounterexampleError: an invariant does not hold.
        """
        self._reach(World(Version("{}", self._scenario.wish), wishes=self._scenario.wishes), 0, "")
        while self._waiting:
            world = self._waiting.popleft()
            try:
                check_world(world, self._scenario)
                if not self._beyond(world):
                    self._go_on(world)
            except BrokenError as error:
                way = self._way_to(self.worlds[world])
                raise CounterexampleError(error.invariant, way) from None
        self._check_reachable(Invariant.CAN_END, rests)
        self._check_reachable(Invariant.NOTHING_LEFT_BEHIND, rests_in_peace)
        return self

    def _go_on(self, world: World) -> None:
        number = self.worlds[world]
        sources, targets = self._happy
        for label, after, happy in self._steps.of(world):
            self.steps += 1
            reached = self._reach(essence(after, _ENDED), number, label)
            if happy:
                sources.append(number)
                targets.append(reached)

    def _reach(self, world: World, source: int, label: str) -> int:
        known = self.worlds.get(world)
        if known is None:
            known = self.worlds[world] = len(self._came_from)
            self._came_from.append((source, label))
            self._waiting.append(world)
        return known

    def _way_to(self, number: int) -> list[str]:
        way: list[str] = []
        while number:
            number, label = self._came_from[number]
            way.append(label)
        return way[::-1]

    def _beyond(self, world: World) -> bool:
        return world.run is not None and attempt(world.run) > self._scenario.attempts

    def _check_reachable(self, invariant: Invariant, goal: Callable[[World], bool]) -> None:
        """From every world in which the run has to end, happy steps alone lead to the goal."""
        reached = bytearray(goal(it) or self._beyond(it) for it in self.worlds)
        before: list[list[int]] = [[] for _ in self.worlds]
        for source, target in zip(*self._happy, strict=True):
            before[target].append(source)
        waiting = [number for number, it in enumerate(reached) if it]
        while waiting:
            for number in before[waiting.pop()]:
                if not reached[number]:
                    reached[number] = 1
                    waiting.append(number)
        for world, number in self.worlds.items():
            if not reached[number] and self._has_to_end(world):
                raise CounterexampleError(invariant, self._way_to(number))

    def _has_to_end(self, world: World) -> bool:
        """Where executions never end by themselves, somebody has to wish it."""
        if self._scenario.ends or world.run is None:
            return True
        wish = world.run.wish
        return wish.suspend or wish.shutdown is not None or "active" in wish.limits


def check_world(world: World, scenario: Scenario) -> None:
    """Check what holds in every world.

    Raises:
        BrokenError: something does not.
    """
    if sum(it.life == "live" for it in world.real) > 1:
        raise BrokenError(Invariant.ONE_ALIVE)
    if len(world.clusters) > 1:
        raise BrokenError(Invariant.ONE_CLUSTER)
    if world.run is None:
        return
    status, retries = read(world.run.status), scenario.retries
    last = status.attempt or 0
    handed_out = status.finally_.execution if status.finally_ else 0
    numbers = (*(it.number for it in world.real), *world.clusters)
    if any(not -handed_out <= it <= last for it in numbers):
        raise BrokenError(Invariant.INTENT_FIRST)
    failed = status.user_failures or 0, status.infrastructure_failures or 0
    if failed[0] > retries.limit + 1 or failed[1] > retries.infrastructure_limit + 1:
        raise BrokenError(Invariant.WITHIN_BUDGET)
    resumed = scenario.wishes if scenario.suspends else 0
    if last > 1 + sum(failed) + (status.ignored_failures or 0) + resumed:
        raise BrokenError(Invariant.WITHIN_BUDGET)


def rests_in_peace(world: World) -> bool:
    """Whether the run rests, nothing of it is executed any more and nothing is kept for it."""
    kept = world.place or world.clusters
    return rests(world) and not kept and not any(it.life in UNENDED for it in world.real)
