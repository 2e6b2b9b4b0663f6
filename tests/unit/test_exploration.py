"""Every order of events, crashes and losses, up to a bound: see tests/support/exploration."""

from collections.abc import Callable
from functools import cache

import pytest

from pipelinerun.api.spec import Backoff, Retries, RetryRule
from pipelinerun.core import ends, policies, stopping
from pipelinerun.core.observed import Policy
from pipelinerun.core.reasons import ATTEMPT_STARTING, FINALLY_FAILED
from scripts.lifecycle import TRANSITIONS, event_of
from tests.support.exploration.exploring import Change, Exploration
from tests.support.exploration.invariants import CounterexampleError, Invariant
from tests.support.exploration.scenario import Scenario
from tests.support.exploration.sights import ENDS
from tests.support.exploration.world import Wish

MODES = ("InProcess", "Subprocess")
OF_THE_END = "what was decided before"


def retries(limit: int = 0, infrastructure_limit: int = 0) -> Retries:
    backoff = Backoff(initial_seconds=10, factor=1, jitter=0)
    return Retries(
        limit=limit,
        infrastructure_limit=infrastructure_limit,
        backoff=backoff,
        rules=[RetryRule(failure_classes=["Timeout"], action="Retry")],
    )


SCENARIOS = {
    "attempts end in every way": Scenario(
        retries(1, 1), ends=ENDS, refusals=True, trouble=True, deletes=True, attempts=3
    ),
    "users change their minds": Scenario(
        retries(1), wishes=2, suspends=True, shutdowns=("Drain", "Terminate"), deletes=True
    ),
    "deadlines come and go": Scenario(
        retries(1), wishes=2, limits=("active", "pending", "attempt")
    ),
    "deadlines and wishes": Scenario(
        retries(1),
        wish=Wish(limits=frozenset({"active", "pending", "attempt"})),
        wishes=1,
        refusals=True,
        suspends=True,
        shutdowns=("Drain", "Terminate"),
        deletes=True,
    ),
    "a run is held from the start": Scenario(
        wish=Wish(suspend=True), wishes=1, suspends=True, refusals=True, deletes=True
    ),
    "finished runs are deleted": Scenario(
        retries(1),
        wish=Wish(limits=frozenset({"ttl"})),
        wishes=2,
        limits=("ttl",),
        history=True,
        trouble=True,
    ),
    "finally stages follow": Scenario(
        wishes=1, suspends=True, shutdowns=("Terminate",), deletes=True, finally_=True
    ),
    "finally stages are lost": Scenario(retries(0, 1), ends=("success", "killed"), finally_=True),
    "held runs have finally stages": Scenario(
        wish=Wish(suspend=True), wishes=1, shutdowns=("Drain",), ends=("success",), finally_=True
    ),
    "pipelines never end": Scenario(
        wishes=2,
        suspends=True,
        shutdowns=("Drain", "Terminate"),
        limits=("active",),
        ends=(),
    ),
}
CASES = [(name, mode) for name in SCENARIOS for mode in MODES]


@cache
def explored(name: str, mode: str) -> tuple[int, frozenset[Change]]:
    """How many states there are, and all changes of phase."""
    found = Exploration(mode, SCENARIOS[name]).run()
    print(f"{name}, {mode}: {len(found.worlds):,} states, {found.steps:,} steps")
    return len(found.worlds), frozenset(found.changes)


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_no_order_of_events_crashes_and_losses_breaks_a_promise(name: str, mode: str) -> None:
    assert explored(name, mode)


def test_the_page_on_the_life_of_a_run_tells_exactly_what_can_happen() -> None:
    found = [explored(*case) for case in CASES]
    print(f"{sum(states for states, _ in found):,} states in all")
    changes = {change for _, changes in found for change in changes}
    told = {(it.before, it.after, why) for it in TRANSITIONS for why in it.reasons or (OF_THE_END,)}
    assert {(it.before, it.after, reason_of(it)) for it in changes} == told
    assert {it.event for it in changes if it.before == "Finishing"} == {None, FINALLY_FAILED}
    for it in changes:
        if "Finishing" not in it[:2]:
            # The start of a pod is told by Events of its own.
            silent = it.reason == ATTEMPT_STARTING and it.event is None
            assert silent or it.event == event_of(it.reason)


ON_MADE_CLUSTERS = [
    ("attempts end in every way", "Subprocess"),
    ("users change their minds", "InProcess"),
    ("finally stages follow", "Subprocess"),
    ("held runs have finally stages", "InProcess"),
]


@pytest.mark.parametrize(("name", "mode"), ON_MADE_CLUSTERS)
def test_no_order_of_events_leaves_a_cluster_or_makes_two(name: str, mode: str) -> None:
    assert explored(name, f"{mode} on made clusters")


def reason_of(change: Change) -> str:
    return OF_THE_END if change.before == "Finishing" else change.reason


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[Policy], None]:
    """Takes a policy out of the chain for one test."""

    def remove(policy: Policy) -> None:
        left = tuple(it for it in policies.POLICIES if it is not policy)
        monkeypatch.setattr(policies, "POLICIES", left)

    return remove


RETRY = Scenario(retries(0, 1))
SUSPENDED = Scenario(wishes=2, suspends=True)
ENDLESS = Scenario(wishes=1, suspends=True, ends=())


@pytest.mark.parametrize(
    ("policy", "mode", "scenario", "broken"),
    [
        (policies.leave_finished_run, "InProcess", RETRY, Invariant.TERMINAL_ABSORBS),
        (policies.wait_for_sight, "InProcess", RETRY, Invariant.ONE_ALIVE),
        (ends.record_end, "InProcess", RETRY, Invariant.WITHIN_BUDGET),
        (policies.record_progress, "InProcess", RETRY, Invariant.COMES_TO_REST),
        (stopping.begin_stop, "Subprocess", ENDLESS, Invariant.CAN_END),
        (stopping.go_on_stopping, "Subprocess", SUSPENDED, Invariant.ONE_ALIVE),
        (policies.delete_leftover, "Subprocess on made clusters", RETRY, Invariant.ONE_CLUSTER),
        (
            policies.delete_leftover,
            "InProcess on made clusters",
            ENDLESS,
            Invariant.NOTHING_LEFT_BEHIND,
        ),
    ],
)
def test_the_exploration_finds_what_goes_wrong_without_a_policy(
    without: Callable[[Policy], None],
    policy: Policy,
    mode: str,
    scenario: Scenario,
    broken: Invariant,
) -> None:
    without(policy)
    with pytest.raises(CounterexampleError) as found:
        Exploration(mode, scenario).run()
    assert found.value.invariant == broken
