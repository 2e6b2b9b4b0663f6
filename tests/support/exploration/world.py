"""The world of one run: what there is, and what the operator knows of it."""

import sys
from collections.abc import Collection
from functools import cache
from typing import Literal, NamedTuple

from pipelinerun.api.spec import Shutdown
from pipelinerun.api.status import PipelineRunStatus
from pipelinerun.core.finishing import execution_of

Life = Literal[
    "waiting",
    "live",
    "success",
    "user failure",
    "config failure",
    "out of memory",
    "killed",
    "stopped",
]
"""How an execution is: not begun, alive, or how it ended."""
Sight = Literal[
    Life,
    "starting",
    "running",
    "blocked",
    "cannot start",
    "refused",
    "refused for good",
    "awaits its cluster",
    "lost",
    "vanished",
]
"""How an execution looks to the operator; what is gone has ``vanished`` if it was seen to run."""
Limit = Literal["active", "pending", "attempt", "ttl"]
"""A deadline, or the time that a finished run stays."""
UNENDED: frozenset[Life] = frozenset({"waiting", "live"})


class Wish(NamedTuple):
    """What the spec asks for at present."""

    suspend: bool = False
    shutdown: Shutdown | None = None
    limits: frozenset[Limit] = frozenset()


class Version(NamedTuple):
    """The run as it is, or was, at the API server; its status as JSON."""

    status: str
    wish: Wish


@cache
def read(status: str) -> PipelineRunStatus:
    """A status from JSON."""
    return PipelineRunStatus.model_validate_json(status)


def attempt(version: Version) -> int:
    """The number of the last attempt; 0 if there is none."""
    return read(version.status).attempt or 0


def current(version: Version) -> int:
    """The number of the execution that there may be; 0 if there is none."""
    return execution_of(read(version.status))


class Execution(NamedTuple):
    """What is executed, or was: an attempt, or finally stages, whose numbers are negative.

    It is ``doomed`` while it is being deleted.
    """

    number: int
    life: Life
    told: Shutdown | None = None
    doomed: bool = False


class Todo(NamedTuple):
    """One action that the operator is about to take; ``status`` as JSON."""

    kind: str
    number: int = 0
    how: Shutdown | None = None
    status: str = ""


class World(NamedTuple):
    """Everything there is.

    Attributes:
        run: what the API server holds; None once the run is deleted.
        age: seconds since the run was made.
        view: what the operator's cache holds, if it holds the run.
        up: whether the operator is there.
        refuses: whether its settings do not allow the run.
        todo: what the operator is about to do.
        ready: whether the realiser knows what is running.
        real: what is executed.
        clusters: numbers of the attempts whose cluster is there.
        seen: what the realiser has heard of it; lost in a crash.
        place: whether a place is kept for the run; lost in a crash.
        wishes: how many wishes users have left.
    """

    run: Version | None
    age: int = 0
    view: Version | None = None
    up: bool = False
    refuses: bool = False
    todo: tuple[Todo, ...] = ()
    ready: bool = False
    real: tuple[Execution, ...] = ()
    clusters: tuple[int, ...] = ()
    seen: tuple[tuple[int, Sight], ...] = ()
    place: bool = False
    wishes: int = 0


class Step(NamedTuple):
    """Something that happens.

    Attributes:
        label: what, for people.
        world: afterwards.
        happy: whether it happens in the end when nothing goes wrong and nobody wishes anything.
    """

    label: str
    world: World
    happy: bool = True


def execution(world: World, number: int) -> Execution | None:
    """The execution of an attempt, if there is one."""
    return next((it for it in world.real if it.number == number), None)


def sight(world: World, number: int) -> Sight | None:
    """What the realiser has heard of an attempt, if anything."""
    return next((it for known, it in world.seen if known == number), None)


def put(world: World, it: Execution) -> World:
    """The world with an execution as it is now."""
    others = [other for other in world.real if other.number != it.number]
    return world._replace(real=tuple(sorted([*others, it])))


def remove(world: World, number: int) -> World:
    """The world without an execution."""
    return world._replace(real=tuple(it for it in world.real if it.number != number))


def see(world: World, number: int, it: Sight) -> World:
    """The world in which the realiser has heard of an attempt."""
    others = [known for known in world.seen if known[0] != number]
    return world._replace(seen=tuple(sorted([*others, (number, it)])))


def unsee(world: World, number: int) -> World:
    """The world in which the realiser knows nothing of an attempt."""
    return world._replace(seen=tuple(known for known in world.seen if known[0] != number))


def essence(world: World, ended: Collection[Sight]) -> World:
    """The same world without what nobody will ever look at: ends of executions before the last.

    An ``ended`` sight is nothing that a realiser would end or start again.
    """
    if world.run is None or not (world.real or world.seen):
        return world
    last = min(_turn(current(it)) for it in (world.run, world.view) if it is not None)
    real = tuple(it for it in world.real if _turn(it.number) >= last or it.life in UNENDED)
    seen = tuple(it for it in world.seen if _turn(it[0]) >= last or it[1] not in ended)
    return world._replace(real=real, seen=seen)


def _turn(number: int) -> int:
    """Finally stages come after all attempts."""
    return number if number >= 0 else sys.maxsize + number
