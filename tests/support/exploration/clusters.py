"""Attempts that are each given a cluster: it comes before them, and is to go with them."""

from collections.abc import Iterator

from pipelinerun.api.spec import Shutdown
from tests.support.exploration.mode import Mode
from tests.support.exploration.scenario import Scenario
from tests.support.exploration.world import Sight, Step, World, see, sight, unsee

AWAITS: Sight = "awaits its cluster"


class OnMadeClusters:
    """Another mode executes the attempts, once their clusters are ready."""

    restartable = True
    clusters = True

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self.ready_at_once = mode.ready_at_once
        self.reads_anew = not mode.restartable

    def cluster(self, world: World, scenario: Scenario) -> Iterator[Step]:
        yield from self._mode.cluster(world, scenario)
        for number in world.clusters:
            if world.run is None:
                yield Step(f"cluster {number} is collected", without(world, number))
            else:
                label = f"somebody deletes cluster {number}"
                yield Step(label, without(world, number), happy=False)

    def news(self, world: World, scenario: Scenario) -> Iterator[Step]:
        yield from self._mode.news(world, scenario)

    def look(self, world: World) -> World:
        return self._mode.look(world)

    def reserve(self, world: World) -> World:
        return self._mode.reserve(world)

    def start(self, world: World, number: int, scenario: Scenario) -> Iterator[Step]:
        if number < 0:
            yield from self._mode.start(world, number, scenario)
            return
        if number in world.clusters:
            ready = unsee(world, number) if sight(world, number) == AWAITS else world
            yield from self._mode.start(ready, number, scenario)
            yield Step(f"cluster {number} is not ready", see(world, number, AWAITS), happy=False)
            return
        created = world._replace(clusters=(*world.clusters, number))
        yield Step(f"cluster {number} is created", see(created, number, AWAITS))
        unknown = created._replace(todo=())
        yield Step(f"cluster {number} is created, the answer is lost", unknown, happy=False)
        if scenario.trouble:
            refused = see(world, number, "refused for good")
            yield Step(f"cluster {number} is refused", refused, happy=False)

    def stop(self, world: World, number: int, how: Shutdown) -> World:
        if sight(world, number) == AWAITS:
            world = unsee(world, number)
        return self._mode.stop(world, number, how)

    def release(self, world: World) -> World:
        return self._mode.release(world)


def without(world: World, number: int) -> World:
    """The world without a cluster."""
    return world._replace(clusters=tuple(it for it in world.clusters if it != number))
