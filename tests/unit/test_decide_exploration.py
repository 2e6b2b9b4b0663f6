"""Every state that a run can get into, with a crash of the operator between any two actions.

The model holds what is real: the status at the API server, what the operator remembers, what the
realiser has heard and what is executed. Its steps are those of the operator (observe, decide and
write, then act) and those of the world (attempts end or die, the operator crashes, writes are lost
or refused, places are taken, time passes). ``decide`` is the real one.

Whoever reports an attempt as lost has made sure that it is dead: that is the realiser's contract.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from itertools import product
from typing import Literal

import pytest

from pipelinerun.api.run import TERMINAL_PHASES, Backoff, PipelineRunStatus, Retries
from pipelinerun.core import policies, reasons
from pipelinerun.core.observed import Decision, Observed, Refusal, Sighting, Wait
from pipelinerun.core.policies import Policy, decide
from tests.support.decisions import NOW, STAGES, WORKER, failed, stages, success

BACKOFF = 10.0
WAITS = (None, Wait(reasons.WAITING_FOR_PLACE, "Waiting"))
REFUSALS = (None, Refusal(reasons.NAMESPACE_NOT_ALLOWED, "Not here"))
AGES = (0.0, float("inf"))

Life = Literal["live", "success", "failure"]
Sight = Literal["starting", "running", "success", "failure", "lost"]
END: dict[Sight, Sighting] = {
    "success": Sighting(1, "Ended", outcome=success()),
    "failure": Sighting(1, "Ended", outcome=failed()),
    "lost": Sighting(1, "Lost"),
}
SIGHTINGS: dict[Sight, Sighting] = END | {
    "starting": Sighting(1, "Starting"),
    "running": Sighting(1, "Running", stages=stages("Succeeded", "Running")),
}


@dataclass(frozen=True)
class World:
    """Everything there is.

    Attributes:
        status: what the API server holds, as JSON.
        cached: what the operator last saw of it; None while the operator is down.
        start: attempt that the operator is about to start, its intent being written.
        release: whether the operator is about to release the run's attempts.
        ready: whether the realiser knows what is running.
        executed: attempts that have an execution, each with how it is.
        heard: what the realiser knows of attempts; lost in a crash.
        started: numbers of all executions that ever began.
        clock: back-offs that have passed.
    """

    status: str = "{}"
    cached: str | None = None
    start: int | None = None
    release: bool = False
    ready: bool = False
    executed: tuple[tuple[int, Life], ...] = ()
    heard: tuple[tuple[int, Sight], ...] = ()
    started: tuple[int, ...] = ()
    clock: int = 0

    @property
    def acting(self) -> bool:
        """Whether the operator is between its write and what follows from it."""
        return self.start is not None or self.release

    @property
    def terminal(self) -> bool:
        """Whether the run is over."""
        return read(self.status).phase in TERMINAL_PHASES


Step = tuple[str, World]
HAPPY = frozenset({"list", "watch", "hear", "decide", "start", "release", "run", "end", "wait"})
"""Steps that happen in the end when nothing goes wrong any more."""


@cache
def read(status: str) -> PipelineRunStatus:
    return PipelineRunStatus.model_validate_json(status)


@cache
def decided(
    status: str,
    sight: Sight | None,
    ready: bool,
    clock: int,
    retries: Retries,
    factors: tuple[Wait | None, Refusal | None, float],
) -> Decision:
    wait, refusal, age = factors
    observed = Observed(
        status=read(status),
        generation=1,
        retries=retries,
        stage_names=STAGES,
        refusal=refusal,
        wait=wait,
        worker=WORKER,
        sighting=SIGHTINGS[sight] if sight else None,
        realiser_ready=ready,
        status_age=age,
    )
    return decide(observed, NOW + clock * timedelta(seconds=BACKOFF))


def steps(world: World, retries: Retries) -> Iterator[Step]:
    """All that can happen next."""
    yield from world_steps(world)
    if world.cached is None:
        yield "list", replace(world, cached=world.status)
        return
    yield (
        "crash",
        replace(world, cached=None, start=None, release=False, ready=False, heard=()),
    )
    yield from realiser_steps(world)
    if world.start is not None:
        yield "start", begun(replace(world, start=None), world.start)
    elif world.release:
        yield "release", replace(world, release=False, executed=(), heard=())
    else:
        yield from operator_steps(world, world.cached, retries)


def world_steps(world: World) -> Iterator[Step]:
    for number, life in world.executed:
        if life == "live":
            for end in ("success", "failure"):
                ended: dict[int, Life] = {**dict(world.executed), number: end}
                yield "end", replace(world, executed=tuple(ended.items()))
        others = tuple(item for item in world.executed if item[0] != number)
        yield "die", replace(world, executed=others)
    attempts = read(world.status).attempts
    if attempts and attempts[-1].completion_time and world.clock < attempts[-1].number:
        yield "wait", replace(world, clock=world.clock + 1)


def realiser_steps(world: World) -> Iterator[Step]:
    """The realiser hears of its attempts, or loses touch with all of them at once."""
    executed = dict(world.executed)
    if not world.ready:
        found: dict[int, Sight] = {
            number: "running" if life == "live" else life for number, life in world.executed
        }
        yield "hear", replace(world, ready=True, heard=tuple(found.items()))
        return
    yield "lose touch", replace(world, ready=False)
    for number, sight in world.heard:
        life = executed.get(number)
        news: Sight = "lost" if life is None else "running" if life == "live" else life
        if sight not in END and sight != news:
            heard = {**dict(world.heard), number: news}
            step = "run" if news == "running" else "hear"
            yield step, replace(world, heard=tuple(heard.items()))


def operator_steps(world: World, cached: str, retries: Retries) -> Iterator[Step]:
    if cached != world.status:
        yield "watch", replace(world, cached=world.status)
    sight = dict(world.heard).get(read(cached).attempt or 0)
    for factors in product(WAITS, REFUSALS, AGES):
        decision = decided(cached, sight, world.ready, world.clock, retries, factors)
        status = decision.status.model_dump_json(by_alias=True, exclude_none=True)
        # What a place or a permission decides is no promise that the run goes on.
        step = "decide" if factors[:2] == (None, None) else "decide otherwise"
        acting = replace(world, start=decision.start, release=decision.release)
        if decision.status == read(cached):
            yield step, acting
        elif cached == world.status:
            yield step, replace(acting, status=status, cached=status)
            yield "lose the answer", replace(world, status=status)
        # else the API server refuses the write, since the run has changed meanwhile.


def begun(world: World, number: int) -> World:
    """The realiser starts an attempt, unless it knows it already."""
    if number in dict(world.heard):
        return world
    return replace(
        world,
        executed=(*world.executed, (number, "live")),
        heard=(*world.heard, (number, "starting")),
        started=(*world.started, number),
    )


def explore(retries: Retries) -> dict[World, list[Step]]:
    """All worlds that can be reached, each with its steps; fails at the first broken promise."""
    reached: dict[World, list[Step]] = {}
    waiting = deque([World()])
    while waiting:
        world = waiting.popleft()
        if world not in reached:
            reached[world] = list(steps(world, retries))
            check_safety(world, reached[world], retries)
            waiting.extend(after for _, after in reached[world] if after not in reached)
    return reached


def check_safety(world: World, following: list[Step], retries: Retries) -> None:
    status = read(world.status)
    lives = Counter(life for _, life in world.executed)
    assert lives["live"] <= 1, "two executions of one run are alive"
    assert len(world.started) == len(set(world.started)), "an attempt was started twice"
    assert max(world.started, default=0) <= (status.attempt or 0), "no intent was recorded"
    budget = 1 + retries.limit + retries.infrastructure_limit
    assert (status.attempt or 0) <= budget, "more attempts than the budgets allow"
    assert (status.exit_code is not None) == world.terminal, "an exit code before the end"
    for _, after in following:
        assert not world.terminal or after.status == world.status, "a finished run changed"


def check_liveness(reached: dict[World, list[Step]]) -> None:
    terminal = {world for world in reached if world.terminal}
    assert can_reach(terminal, reached) == set(reached), "a run may never end"
    clean = {world for world in terminal if not world.executed}
    assert can_reach(clean, reached) == set(reached), "an execution may be left behind"


def can_reach(goal: set[World], reached: dict[World, list[Step]]) -> set[World]:
    """The worlds from which happy steps alone lead to the goal."""
    before: dict[World, list[World]] = {world: [] for world in reached}
    for world, following in reached.items():
        for step, after in following:
            if step in HAPPY:
                before[after].append(world)
    found = set(goal)
    waiting = deque(goal)
    while waiting:
        for world in before[waiting.popleft()]:
            if world not in found:
                found.add(world)
                waiting.append(world)
    return found


BUDGETS = {
    "one attempt": Retries(limit=0, infrastructure_limit=0),
    "a retry for the user": Retries(limit=1, infrastructure_limit=0),
    "a retry for the infrastructure": Retries(limit=0, infrastructure_limit=1),
    "a retry for each": Retries(limit=1, infrastructure_limit=1),
}


def with_backoff(budget: str) -> Retries:
    backoff = Backoff(initial_seconds=BACKOFF, factor=1)
    return BUDGETS[budget].model_copy(update={"backoff": backoff})


@pytest.mark.parametrize("budget", BUDGETS)
def test_no_order_of_steps_crashes_and_losses_breaks_a_promise(budget: str) -> None:
    retries = with_backoff(budget)
    reached = explore(retries)
    print(f"{budget}: {len(reached)} states, {sum(map(len, reached.values()))} steps")
    check_liveness(reached)
    assert {read(world.status).phase for world in reached} >= {
        *(None, "Pending", "Starting", "Running"),
        *TERMINAL_PHASES,
    }


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Policy], None]]:
    """Takes a policy out of the chain for one test."""

    def remove(policy: Policy) -> None:
        left = tuple(it for it in policies.POLICIES if it is not policy)
        monkeypatch.setattr(policies, "POLICIES", left)
        decided.cache_clear()

    yield remove
    decided.cache_clear()


@pytest.mark.parametrize(
    ("policy", "broken"),
    [
        (policies.leave_finished_run, "a finished run changed"),
        (policies.wait_for_sight, "two executions of one run are alive"),
        (policies.record_end, "more attempts than the budgets allow"),
        (policies.record_progress, "two executions of one run are alive"),
    ],
)
def test_the_exploration_finds_what_goes_wrong_without_a_policy(
    without: Callable[[Policy], None], policy: Policy, broken: str
) -> None:
    without(policy)
    retries = with_backoff("a retry for the infrastructure")
    with pytest.raises(AssertionError, match=broken):
        check_liveness(explore(retries))
