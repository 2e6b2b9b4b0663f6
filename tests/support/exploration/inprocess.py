"""In-process attempts: drivers on Ray, of which the operator hears through a gateway."""

from collections.abc import Iterator

from pipelinerun.api.spec import Shutdown
from tests.support.exploration.mode import ending, tell
from tests.support.exploration.scenario import Scenario
from tests.support.exploration.sights import OUTCOMES
from tests.support.exploration.world import (
    Execution,
    Sight,
    Step,
    World,
    execution,
    put,
    remove,
    see,
    sight,
)


class InProcess:
    """The line to the gateway may break at any time; drivers go on meanwhile, and may die."""

    restartable = False
    clusters = False
    reads_anew = False
    ready_at_once = False

    def cluster(self, world: World, scenario: Scenario) -> Iterator[Step]:
        yield from ending(world, scenario)
        for it in world.real:
            yield Step(f"the driver of attempt {it.number} dies", remove(world, it.number), False)

    def news(self, world: World, _scenario: Scenario) -> Iterator[Step]:
        if not world.ready:
            kept = {number: it for number, it in world.seen if it in OUTCOMES}
            found: dict[int, Sight] = {it.number: _looks(it) for it in world.real}
            seen = tuple(sorted((kept | found).items()))
            told = world._replace(ready=True, seen=seen, place=world.place or bool(seen))
            yield Step("the gateway says what is running", told)
            return
        yield Step("the line to the gateway breaks", world._replace(ready=False), False)
        for number, known in world.seen:
            it = execution(world, number)
            news = "lost" if it is None else _looks(it)
            if known in {"starting", "running"} and known != news:
                label = f"the gateway says of attempt {number}: {news}"
                yield Step(label, see(world, number, news))

    def look(self, world: World) -> World:
        return world

    def reserve(self, world: World) -> World:
        return world._replace(place=True)

    def start(self, world: World, number: int, _scenario: Scenario) -> Iterator[Step]:
        if sight(world, number) is not None:
            yield Step(f"attempt {number} is known", world)
            return
        known = see(world, number, "starting")
        if world.ready:
            yield Step(f"attempt {number} starts", put(known, Execution(number, "live")))
        else:
            yield Step(f"the start of attempt {number} is heard by nobody", known)

    def stop(self, world: World, number: int, how: Shutdown) -> World:
        heard = world.ready and sight(world, number) in {"starting", "running"}
        return tell(world, number, how) if heard else world

    def release(self, world: World) -> World:
        if world.ready:
            for number, _ in world.seen:
                world = remove(world, number)
        return world._replace(seen=(), place=False)


def _looks(it: Execution) -> Sight:
    return "running" if it.life == "live" else it.life
