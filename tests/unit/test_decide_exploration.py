"""Every state that a run can get into, with a crash of the operator between any two actions.

The model holds what is real: the status at the API server, what the operator remembers, what the
realiser has heard and what is executed. Its steps are those of the operator (observe, decide and
write, then act) and those of the world (attempts end or die, the operator crashes, writes are lost
or refused, places are taken, time passes, somebody suspends, resumes or ends the run). ``decide``
is the real one.

Whoever reports an attempt as lost has made sure that it is dead: that is the realiser's contract.
"""

import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import product
from pathlib import Path
from typing import Literal

import pytest

from pipelinerun.api.spec import Backoff, Retries, RetryRule, Shutdown
from pipelinerun.api.status import TERMINAL_PHASES, Outcome, Phase, PipelineRunStatus
from pipelinerun.core import ends, policies, reasons, stopping
from pipelinerun.core.observed import (
    Decision,
    Observed,
    Policy,
    Refusal,
    Requests,
    Sighting,
    Wait,
)
from pipelinerun.core.policies import decide
from pipelinerun.core.timestamps import parse_time
from tests.support.decisions import NOW, STAGES, WORKER, failed, stages, success

DIAGRAM = Path(__file__).resolve().parents[2] / "docs" / "running.md"
BACKOFF = 10.0
NOTHING_ASKED = Requests()
WAITS = (None, Wait(reasons.WAITING_FOR_PLACE, "Waiting"))
REFUSALS = (None, Refusal(reasons.NAMESPACE_NOT_ALLOWED, "Not here"))
AGES = (0.0, float("inf"))
Factors = tuple[Wait | None, Refusal | None, float]
ALL: tuple[Factors, ...] = tuple(product(WAITS, REFUSALS, AGES))
FEW: tuple[Factors, ...] = ((None, None, AGES[0]), (None, None, AGES[1]), (WAITS[1], None, AGES[1]))
"""For scenarios that are large by themselves."""

Life = Literal["live", "success", "failure", "stopped"]
Sight = Literal["starting", "running", "success", "failure", "stopped", "lost"]
OUTCOMES: dict[Sight, Outcome] = {
    "success": success(),
    "failure": failed(),
    "stopped": failed("Cancelled", 143),
}
END: dict[Sight, Sighting] = {
    **{sight: Sighting(1, "Ended", outcome=outcome) for sight, outcome in OUTCOMES.items()},
    "lost": Sighting(1, "Lost"),
}
SIGHTINGS: dict[Sight, Sighting] = END | {
    "starting": Sighting(1, "Starting"),
    "running": Sighting(1, "Running", stages=stages("Succeeded", "Running")),
}


@dataclass(frozen=True)
class Scenario:
    """What may happen in one exploration.

    Attributes:
        retries: of the run.
        changes: how often somebody may suspend or resume it.
        shutdowns: what somebody may ask for, in this order.
        deadlines: the spec's.
        ticks: how often time may pass without a back-off to wait for.
        endless: whether an execution never ends by itself.
        factors: places, refusals and ages of the status.
    """

    retries: Retries
    changes: int = 0
    shutdowns: tuple[Shutdown, ...] = ()
    deadlines: Requests = NOTHING_ASKED
    ticks: int = 0
    endless: bool = False
    factors: tuple[Factors, ...] = FEW


@dataclass(frozen=True)
class World:
    """Everything there is.

    Attributes:
        status: what the API server holds, as JSON.
        requests: what the spec asks for at present.
        changes: how often somebody has suspended or resumed the run.
        cached: what the operator last saw of both; None while the operator is down.
        start: attempt that the operator is about to start, its intent being written.
        stop: what the operator is about to tell the attempt.
        release: whether the operator is about to release the run's attempts.
        ready: whether the realiser knows what is running.
        executed: attempts that have an execution, each with how it is.
        told: what executions were told, by the number of the attempt.
        heard: what the realiser knows of attempts; lost in a crash.
        started: numbers of all executions that ever began.
        clock: back-offs that have passed.
    """

    status: str = "{}"
    requests: Requests = NOTHING_ASKED
    changes: int = 0
    cached: tuple[str, Requests] | None = None
    start: int | None = None
    stop: Shutdown | None = None
    release: bool = False
    ready: bool = False
    executed: tuple[tuple[int, Life], ...] = ()
    told: tuple[tuple[int, Shutdown], ...] = ()
    heard: tuple[tuple[int, Sight], ...] = ()
    started: tuple[int, ...] = ()
    clock: int = 0

    @property
    def acting(self) -> bool:
        """Whether the operator is between its write and what follows from it."""
        return self.start is not None or self.stop is not None or self.release

    @property
    def resting(self) -> bool:
        """Whether the run is over, or suspended."""
        return self.terminal or (read(self.status).phase == "Suspended" and self.requests.suspend)

    @property
    def terminal(self) -> bool:
        """Whether the run is over."""
        return read(self.status).phase in TERMINAL_PHASES


Step = tuple[str, World]
Transition = tuple[str, str]
"""Phase before and phase after; a run without a status counts as Pending."""
EXPLORED: dict[str, set[Transition]] = {}
"""What happened in the scenarios that were explored so far."""
HAPPY = frozenset(
    {"list", "watch", "hear", "decide", "start", "stop", "release", "run", "end", "wait"}
)
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
    budgets: tuple[int, int],
    requests: Requests,
    factors: Factors,
) -> Decision:
    wait, refusal, age = factors
    observed = Observed(
        status=read(status),
        generation=1,
        created=NOW,
        retries=with_backoff(*budgets),
        requests=requests,
        stage_names=STAGES,
        refusal=refusal,
        wait=wait,
        worker=WORKER,
        sighting=SIGHTINGS[sight] if sight else None,
        realiser_ready=ready,
        status_age=age,
    )
    decision = decide(observed, time_at(clock))
    if decision.status.phase in TERMINAL_PHASES and observed.status.phase not in TERMINAL_PHASES:
        check_exit_code(decision.status, sight)
    return decision


def time_at(clock: int) -> datetime:
    return NOW + clock * timedelta(seconds=BACKOFF)


def check_exit_code(status: PipelineRunStatus, sight: Sight | None) -> None:
    """It is the one that was seen, or one by a rule."""
    seen = OUTCOMES[sight].exit_code if sight in OUTCOMES else None
    by_phase: dict[Phase | None, set[int | None]] = {
        "Succeeded": {0},
        "Cancelled": {seen, 143},
        "Failed": {seen, 2, 124, 137} - {0},
    }
    assert status.exit_code in by_phase[status.phase], "an exit code that nobody has seen"
    assert status.exit_code != 0 or seen == 0, "a success that nobody has seen"


def steps(world: World, scenario: Scenario) -> Iterator[Step]:
    """All that can happen next."""
    yield from world_steps(world, scenario)
    yield from user_steps(world, scenario)
    if world.cached is None:
        yield "list", replace(world, cached=(world.status, world.requests))
        return
    yield (
        "crash",
        replace(world, cached=None, start=None, stop=None, release=False, ready=False, heard=()),
    )
    yield from realiser_steps(world)
    if world.start is not None:
        yield "start", begun(replace(world, start=None), world.start)
    elif world.stop is not None:
        yield "stop", told(replace(world, stop=None), world.stop)
    elif world.release:
        yield "release", replace(world, release=False, executed=(), told=(), heard=())
    else:
        yield from operator_steps(world, *world.cached, scenario)


def world_steps(world: World, scenario: Scenario) -> Iterator[Step]:
    for number, life in world.executed:
        if life == "live":
            for end in ends_of(dict(world.told).get(number), scenario):
                ended: dict[int, Life] = {**dict(world.executed), number: end}
                yield "end", replace(world, executed=tuple(ended.items()))
        others = tuple(item for item in world.executed if item[0] != number)
        yield "die", replace(world, executed=others)
    due = read(world.status).next_attempt_time
    backing_off = due is not None and time_at(world.clock) < parse_time(due)
    if backing_off or world.clock < scenario.ticks:
        yield "wait", replace(world, clock=world.clock + 1)


def ends_of(order: Shutdown | None, scenario: Scenario) -> tuple[Life, ...]:
    """How an execution may end."""
    by_itself: tuple[Life, ...] = () if scenario.endless else ("success", "failure")
    match order:
        case None:
            return by_itself
        case "Drain":
            return ("success", "failure")
        case "Terminate":
            return (*by_itself, "stopped")


def user_steps(world: World, scenario: Scenario) -> Iterator[Step]:
    """Somebody changes the spec. The API server lets nobody change that of a finished run."""
    if world.terminal:
        return
    asked = world.requests
    if world.changes < scenario.changes:
        changed = replace(asked, suspend=not asked.suspend)
        yield "user", replace(world, requests=changed, changes=world.changes + 1)
    done = scenario.shutdowns.index(asked.shutdown) + 1 if asked.shutdown else 0
    for shutdown in scenario.shutdowns[done : done + 1]:
        yield "user", replace(world, requests=replace(asked, shutdown=shutdown))


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


def operator_steps(
    world: World, cached: str, requests: Requests, scenario: Scenario
) -> Iterator[Step]:
    now = (world.status, world.requests)
    if world.cached != now:
        yield "watch", replace(world, cached=now)
    sight = dict(world.heard).get(read(cached).attempt or 0)
    budgets = scenario.retries.limit, scenario.retries.infrastructure_limit
    for factors in scenario.factors:
        decision = decided(cached, sight, world.ready, world.clock, budgets, requests, factors)
        status = decision.status.model_dump_json(by_alias=True, exclude_none=True)
        # What a place or a permission decides is no promise that the run goes on.
        step = "decide" if factors[:2] == (None, None) else "decide otherwise"
        acting = replace(world, start=decision.start, stop=decision.stop, release=decision.release)
        if decision.status == read(cached):
            yield step, acting
        elif world.cached == now:
            yield step, replace(acting, status=status, cached=(status, requests))
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


def told(world: World, order: Shutdown) -> World:
    """The realiser tells the attempt, unless it does not run any more."""
    number = read(world.status).attempt or 0
    if dict(world.executed).get(number) != "live":
        return world
    orders: dict[int, Shutdown] = dict(world.told)
    if orders.get(number) != "Terminate":
        orders[number] = order
    return replace(world, told=tuple(orders.items()))


def explore(scenario: Scenario) -> dict[World, list[Step]]:
    """All worlds that can be reached, each with its steps; fails at the first broken promise."""
    reached: dict[World, list[Step]] = {}
    waiting = deque([World(requests=scenario.deadlines)])
    while waiting:
        world = waiting.popleft()
        if world not in reached:
            reached[world] = list(steps(world, scenario))
            check_safety(world, reached[world], scenario)
            waiting.extend(after for _, after in reached[world] if after not in reached)
    return reached


def check_safety(world: World, following: list[Step], scenario: Scenario) -> None:
    status = read(world.status)
    lives = Counter(life for _, life in world.executed)
    assert lives["live"] <= 1, "two executions of one run are alive"
    assert len(world.started) == len(set(world.started)), "an attempt was started twice"
    assert max(world.started, default=0) <= (status.attempt or 0), "no intent was recorded"
    retries = scenario.retries
    budget = 1 + retries.limit + retries.infrastructure_limit + scenario.changes
    assert (status.attempt or 0) <= budget, "more attempts than the budgets allow"
    assert (status.exit_code is not None) == world.terminal, "an exit code before the end"
    for _, after in following:
        assert not world.terminal or after.status == world.status, "a finished run changed"


def check_liveness(reached: dict[World, list[Step]]) -> None:
    resting = {world for world in reached if world.resting}
    assert can_reach(resting, reached) == set(reached), "a run may never end"
    clean = {world for world in resting if not world.executed}
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


def transitions(reached: dict[World, list[Step]]) -> set[Transition]:
    pairs = {
        (read(world.status).phase or "Pending", read(after.status).phase or "Pending")
        for world, following in reached.items()
        for _, after in following
        if after.status != world.status
    }
    return {(before, after) for before, after in pairs if before != after}


def with_backoff(limit: int = 0, infrastructure_limit: int = 0) -> Retries:
    backoff = Backoff(initial_seconds=BACKOFF, factor=1, jitter=0)
    return Retries(
        limit=limit,
        infrastructure_limit=infrastructure_limit,
        backoff=backoff,
        rules=[RetryRule(failure_classes=["Timeout"], action="Retry")],
    )


SCENARIOS = {
    "one attempt": Scenario(with_backoff(), factors=ALL),
    "a retry for the user": Scenario(with_backoff(limit=1), factors=ALL),
    "a retry for the infrastructure": Scenario(with_backoff(infrastructure_limit=1), factors=ALL),
    "a retry for each": Scenario(with_backoff(1, 1), factors=ALL),
    "suspended, resumed": Scenario(with_backoff(), changes=2, factors=ALL),
    "suspended, resumed, with a retry": Scenario(with_backoff(limit=1), changes=2),
    "ended in order, then at once": Scenario(
        with_backoff(limit=1), shutdowns=("Drain", "Terminate")
    ),
    "ended at once": Scenario(with_backoff(), shutdowns=("Terminate",), factors=ALL),
    "suspended and ended": Scenario(with_backoff(), changes=1, shutdowns=("Drain", "Terminate")),
    "a limit for the run": Scenario(
        with_backoff(limit=1), deadlines=Requests(active_deadline=15), ticks=2
    ),
    "a limit for an attempt": Scenario(
        with_backoff(limit=1), deadlines=Requests(attempt_deadline=5), ticks=2
    ),
    "a limit for waiting": Scenario(
        with_backoff(limit=1), deadlines=Requests(pending_deadline=5), ticks=2
    ),
    "two limits, suspended and ended": Scenario(
        with_backoff(),
        changes=1,
        shutdowns=("Drain",),
        deadlines=Requests(active_deadline=5, pending_deadline=5),
        ticks=1,
    ),
}
ENDLESS = {
    "suspended": Scenario(with_backoff(), changes=1, endless=True),
    "ended in order": Scenario(with_backoff(), shutdowns=("Drain",), endless=True),
    "ended at once": Scenario(with_backoff(), shutdowns=("Terminate",), endless=True),
    "late": Scenario(with_backoff(), deadlines=Requests(active_deadline=5), ticks=2, endless=True),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_order_of_steps_crashes_and_losses_breaks_a_promise(name: str) -> None:
    reached = explore(SCENARIOS[name])
    print(f"{name}: {len(reached)} states, {sum(map(len, reached.values()))} steps")
    check_liveness(reached)
    EXPLORED[name] = transitions(reached)


@pytest.mark.parametrize("name", ENDLESS)
def test_a_pipeline_that_never_ends_is_ended_once_it_has_to(name: str) -> None:
    check_that_it_ends(explore(ENDLESS[name]))


def test_the_diagram_for_users_shows_exactly_what_can_happen() -> None:
    for name in SCENARIOS.keys() - EXPLORED.keys():
        EXPLORED[name] = transitions(explore(SCENARIOS[name]))
    _, diagram = DIAGRAM.read_text().split("stateDiagram-v2\n", 1)
    drawn = re.findall(r"^ +(\w+) --> (\w+)", diagram.split("```", 1)[0], re.MULTILINE)
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == set().union(*EXPLORED.values())


def check_that_it_ends(reached: dict[World, list[Step]]) -> None:
    ending = can_reach({world for world in reached if world.resting}, reached)
    for world in reached:
        start = read(world.status).start_time
        late = start is not None and time_at(world.clock) > parse_time(start)
        asked = world.requests
        assert not (asked.hold or (asked.active_deadline and late)) or world in ending, "endless"


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Policy], None]]:
    """Takes a policy out of the chain for one test."""

    def remove(policy: Policy) -> None:
        left = tuple(it for it in policies.POLICIES if it is not policy)
        monkeypatch.setattr(policies, "POLICIES", left)
        decided.cache_clear()

    yield remove
    decided.cache_clear()


RETRY = "a retry for the infrastructure"


@pytest.mark.parametrize(
    ("policy", "scenario", "broken"),
    [
        (policies.leave_finished_run, RETRY, "a finished run changed"),
        (policies.wait_for_sight, RETRY, "two executions of one run are alive"),
        (ends.record_end, RETRY, "more attempts than the budgets allow"),
        (policies.record_progress, RETRY, "two executions of one run are alive"),
        (stopping.go_on_stopping, "suspended, resumed", "two executions of one run are alive"),
    ],
)
def test_the_exploration_finds_what_goes_wrong_without_a_policy(
    without: Callable[[Policy], None], policy: Policy, scenario: str, broken: str
) -> None:
    without(policy)
    with pytest.raises(AssertionError, match=broken):
        check_liveness(explore(SCENARIOS[scenario]))


@pytest.mark.parametrize("name", ENDLESS)
def test_without_a_stop_an_endless_pipeline_goes_on(
    without: Callable[[Policy], None], name: str
) -> None:
    without(stopping.begin_stop)
    with pytest.raises(AssertionError, match="endless"):
        check_that_it_ends(explore(ENDLESS[name]))
