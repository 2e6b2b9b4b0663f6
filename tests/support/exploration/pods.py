"""Attempts in pods: a pod can be there once, its end stays, and a watch tells of it some time."""

from collections.abc import Iterator

from pipelinerun.api.spec import Shutdown
from tests.support.exploration.mode import ending, tell
from tests.support.exploration.scenario import Scenario
from tests.support.exploration.world import (
    Execution,
    Sight,
    Step,
    World,
    current,
    execution,
    put,
    remove,
    see,
    sight,
    unsee,
)

_UNENDED: frozenset[Sight] = frozenset({"starting", "running", "blocked", "cannot start"})
_REFUSED: frozenset[Sight] = frozenset({"refused", "refused for good"})


class WorkerPods:
    """Whatever is not in sight is looked for; the watch may lag by any time."""

    restartable = True
    clusters = False
    reads_anew = False
    ready_at_once = True

    def cluster(self, world: World, scenario: Scenario) -> Iterator[Step]:
        yield from ending(world, scenario)
        for it in world.real:
            number = it.number
            if it.doomed or world.run is None:
                yield Step(f"pod {number} is gone", remove(world, number))
            else:
                yield Step(f"somebody deletes pod {number}", _delete(world, it), False)
            if it.life == "waiting" and not it.doomed:
                yield Step(f"pod {number} begins", put(world, it._replace(life="live")))
            if it.life == "waiting":
                yield Step(f"the node refuses pod {number}", put(world, it._replace(life="killed")))

    def news(self, world: World, scenario: Scenario) -> Iterator[Step]:
        for it in world.real:
            for looks in _looks(it, scenario):
                if sight(world, it.number) != looks:
                    step = see(world, it.number, looks)
                    yield Step(f"the watch shows pod {it.number}: {looks}", step)
        for number, known in world.seen:
            if known in _UNENDED and execution(world, number) is None:
                step = see(world, number, "vanished" if known == "running" else "lost")
                yield Step(f"the watch shows that pod {number} is gone", step)

    def look(self, world: World) -> World:
        assert world.view is not None
        it = execution(world, current(world.view))
        if it is None or sight(world, it.number) is not None:
            return world
        return see(world, it.number, _first(it))

    def reserve(self, world: World) -> World:
        return world

    def start(self, world: World, number: int, scenario: Scenario) -> Iterator[Step]:
        world = _end(world, keep=number)
        it = execution(world, number)
        if it is not None:
            yield Step(f"pod {number} is there", see(world, number, _first(it)))
            return
        created = put(world, Execution(number, "waiting"))
        yield Step(f"pod {number} is created", see(created, number, "starting"))
        unknown = unsee(created, number)._replace(todo=())
        yield Step(f"pod {number} is created, the answer is lost", unknown, happy=False)
        if scenario.trouble:
            for refusal in sorted(_REFUSED):
                yield Step(f"pod {number} is {refusal}", see(world, number, refusal), False)

    def stop(self, world: World, number: int, how: Shutdown) -> World:
        known, it = sight(world, number), execution(world, number)
        if known in _REFUSED:
            return unsee(world, number)
        if known == "running":
            return tell(world, number, how)
        if known in _UNENDED and it and it.life == "waiting":
            return _delete(world, it)
        return world

    def release(self, world: World) -> World:
        return _end(world)._replace(seen=())


def _end(world: World, keep: int | None = None) -> World:
    """Delete what has not ended, as far as that is known."""
    for number, known in world.seen:
        it = execution(world, number)
        if it is not None and known in _UNENDED and number != keep:
            world = _delete(world, it)
    return world


def _delete(world: World, it: Execution) -> World:
    """What runs gets its grace; of what waits the node may tell a made-up end; all else goes."""
    match it.life:
        case "live":
            return put(world, it._replace(doomed=True, told="Terminate"))
        case "waiting":
            return put(world, it._replace(doomed=True))
        case _:
            return remove(world, it.number)


def _looks(it: Execution, scenario: Scenario) -> tuple[Sight, ...]:
    if it.life == "waiting" and scenario.trouble:
        return ("starting", "blocked", "cannot start")
    return (_first(it),)


def _first(it: Execution) -> Sight:
    match it.life:
        case "waiting":
            return "starting"
        case "live":
            return "running"
        case ended:
            return ended
