"""What surrounds an attempt, by the mode of its run."""

from collections.abc import Iterator
from typing import Protocol

from pipelinerun.api.spec import Shutdown
from tests.support.exploration.scenario import Scenario
from tests.support.exploration.world import Execution, Life, Step, World, put


class Mode(Protocol):
    """How attempts are executed and how the operator hears of them: a realiser and its world."""

    restartable: bool
    clusters: bool
    """Whether each attempt is given a cluster."""
    reads_anew: bool
    """Whether it counts on it that a run is read when the answer to a write was lost, as it is."""
    ready_at_once: bool
    """Whether the realiser of an operator that has just begun knows what is running."""

    def cluster(self, world: World, scenario: Scenario) -> Iterator[Step]:
        """What happens to executions by themselves."""

    def news(self, world: World, scenario: Scenario) -> Iterator[Step]:
        """What the realiser may hear."""

    def look(self, world: World) -> World:
        """The realiser looks for an attempt under way that is not in sight."""

    def reserve(self, world: World) -> World:
        """The realiser keeps a place for the run."""

    def start(self, world: World, number: int, scenario: Scenario) -> Iterator[Step]:
        """The realiser starts an attempt."""

    def stop(self, world: World, number: int, how: Shutdown) -> World:
        """The realiser has an attempt end."""

    def release(self, world: World) -> World:
        """The realiser ends what is left and forgets it."""


def ending(world: World, scenario: Scenario) -> Iterator[Step]:
    """What is alive ends by itself, or as it was told to."""
    for it in world.real:
        if it.life == "live":
            for end in dict.fromkeys((*scenario.ends, *_as_told(it))):
                ended = put(world, it._replace(life=end, told=None))
                yield Step(f"attempt {it.number} ends: {end}", ended)


def _as_told(it: Execution) -> tuple[Life, ...]:
    match it.told:
        case "Drain":
            return ("success", "user failure")
        case "Terminate":
            return ("killed",) if it.doomed else ("stopped",)
        case None:
            return ()


def tell(world: World, number: int, how: Shutdown) -> World:
    """An execution that is alive is told to end; nothing is weaker than before."""
    for it in world.real:
        if it.number == number and it.life == "live" and it.told != "Terminate":
            return put(world, it._replace(told=how))
    return world
