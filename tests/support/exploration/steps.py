"""All that can happen next."""

from collections.abc import Iterator

from pipelinerun.api.status import TERMINAL_PHASES, UNDER_WAY_PHASES
from tests.support.exploration.clusters import OnMadeClusters, without
from tests.support.exploration.deciding import Deciding, Facts
from tests.support.exploration.inprocess import InProcess
from tests.support.exploration.invariants import BrokenError, Invariant
from tests.support.exploration.mode import Mode
from tests.support.exploration.pods import WorkerPods
from tests.support.exploration.scenario import Scenario
from tests.support.exploration.times import Clock
from tests.support.exploration.world import (
    Step,
    Todo,
    Version,
    Wish,
    World,
    attempt,
    current,
    read,
    sight,
)

MODES: dict[str, Mode] = {
    "InProcess": InProcess(),
    "Subprocess": WorkerPods(),
    "InProcess on made clusters": OnMadeClusters(InProcess()),
    "Subprocess on made clusters": OnMadeClusters(WorkerPods()),
}


class Steps:
    """The steps of one scenario, for runs of one mode.

    Attributes:
        changes: what was written: phases before and after, reason, reason of the Event.
    """

    def __init__(self, mode: str, scenario: Scenario, clock: Clock) -> None:
        self.changes: set[tuple[str, str, str, str | None]] = set()
        self._scenario = scenario
        self._mode = MODES[mode]
        self._clock = clock
        self._deciding = Deciding(scenario, clock, self._mode)

    def of(self, world: World) -> Iterator[Step]:
        """The steps from a world."""
        yield from self._mode.cluster(world, self._scenario)
        yield from self._users(world)
        yield from self._clock.steps(world)
        if not world.up:
            yield from self._begin(world)
            return
        down = world._replace(
            up=False, refuses=False, view=None, ready=False, todo=(), seen=(), place=False
        )
        yield Step("the operator crashes", down, happy=False)
        yield from self._mode.news(world, self._scenario)
        if world.view != world.run:
            yield Step("the watch shows the run", world._replace(view=world.run))
        if world.todo:
            yield from self._act(world)
        elif world.view is None:
            yield Step("the operator releases what is gone", self._mode.release(world))
        else:
            yield from self._decide(world)

    def _users(self, world: World) -> Iterator[Step]:
        """Users change their mind. Of a finished run only what limits it can be changed."""
        if world.run is None:
            return
        if self._scenario.deletes:
            yield Step("a user deletes the run", world._replace(run=None), happy=False)
        if not world.wishes:
            return
        over = read(world.run.status).phase in TERMINAL_PHASES
        for label, wish in self._limits(world.run.wish) if over else self._wishes(world.run.wish):
            run = world.run._replace(wish=wish)
            after = world._replace(run=run, wishes=world.wishes - 1)
            yield Step(f"a user {label}", after, happy=False)

    def _wishes(self, wish: Wish) -> Iterator[tuple[str, Wish]]:
        if self._scenario.suspends:
            label = "resumes the run" if wish.suspend else "suspends the run"
            yield label, wish._replace(suspend=not wish.suspend)
        for shutdown in self._scenario.shutdowns:
            if wish.shutdown not in {shutdown, "Terminate"}:
                yield f"asks for {shutdown}", wish._replace(shutdown=shutdown)
        yield from self._limits(wish)

    def _limits(self, wish: Wish) -> Iterator[tuple[str, Wish]]:
        for limit in self._scenario.limits:
            given = limit in wish.limits
            label = f"takes the limit away: {limit}" if given else f"sets the limit: {limit}"
            yield label, wish._replace(limits=wish.limits ^ {limit})

    def _begin(self, world: World) -> Iterator[Step]:
        begun = world._replace(up=True, view=world.run, ready=self._mode.ready_at_once)
        yield Step("the operator starts", begun)
        if self._scenario.refusals:
            refusing = begun._replace(refuses=True)
            yield Step("the operator starts and does not allow the run", refusing, happy=False)

    def _decide(self, world: World) -> Iterator[Step]:
        world = self._mode.look(world)
        assert world.view is not None
        seen = sight(world, current(world.view))
        number = attempt(world.view)
        leftover = number if number in world.clusters and not _under_way(world.view) else 0
        facts = Facts(world.view, world.age, world.ready, world.refuses, seen, leftover)
        for todo, event, happy in self._deciding.choices(facts):
            here, rest = world, todo
            if rest and rest[0].kind == "reserve":
                here, rest = self._mode.reserve(world), rest[1:]
            if not rest or rest[0].kind != "write":
                after = here._replace(todo=rest)
                yield Step(f"the operator decides: {_listed(rest)}", after, happy)
            elif here.view == here.run:
                yield from self._write(here, rest, event, happy=happy)
            # else the API server refuses the write: the run has changed meanwhile.

    def _write(
        self, world: World, todo: tuple[Todo, ...], event: str | None, *, happy: bool
    ) -> Iterator[Step]:
        assert world.run is not None
        before, after = read(world.run.status), read(todo[0].status)
        reason = next(it.reason for it in after.conditions if it.type == "Succeeded")
        phases = before.phase or "Pending", after.phase or "Pending"
        if phases[0] != phases[1]:
            self.changes.add((*phases, reason, event))
        run = world.run._replace(status=todo[0].status)
        label = f"the operator writes: {after.phase}, attempt {after.attempt or 0}, {reason}"
        yield Step(label, world._replace(run=run, view=run, todo=todo[1:]), happy)
        view = run if self._mode.reads_anew else world.view
        lost = world._replace(run=run, view=view)
        yield Step(f"{label}; the answer is lost", lost, happy=False)

    def _act(self, world: World) -> Iterator[Step]:
        """The next of the actions, or it fails and the rest is left."""
        (kind, number, how, _), *rest = world.todo
        yield Step(f"the {kind} fails", world._replace(todo=()), happy=False)
        world = world._replace(todo=tuple(rest))
        if kind == "start":
            yield from self._mode.start(world, number, self._scenario)
        elif how is not None:
            told = self._mode.stop(world, number, how)
            yield Step(f"attempt {number} is told: {how}", told)
        elif kind == "delete cluster":
            yield Step(f"cluster {number} is deleted", without(world, number))
        elif kind == "delete":
            yield from _delete(world)
        else:
            yield Step("the operator releases the attempts", self._mode.release(world))


def _under_way(version: Version) -> bool:
    return read(version.status).phase in UNDER_WAY_PHASES


def _delete(world: World) -> Iterator[Step]:
    """The API server refuses it if the run has changed meanwhile."""
    if world.run is None or world.view != world.run:
        yield Step("the API server does not delete it", world._replace(todo=()))
        return
    if read(world.run.status).phase not in TERMINAL_PHASES:
        raise BrokenError(Invariant.ENDS_BEFORE_DELETED)
    yield Step("the operator deletes the run", world._replace(run=None))


def rests(world: World) -> bool:
    """Whether the run is over, or held as it was wished."""
    if world.run is None:
        return True
    phase = read(world.run.status).phase
    return phase in TERMINAL_PHASES or (phase == "Suspended" and world.run.wish.suspend)


def _listed(todo: tuple[Todo, ...]) -> str:
    return ", then ".join(it.kind for it in todo) or "nothing"
