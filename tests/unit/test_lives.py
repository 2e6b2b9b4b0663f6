"""Long lives of runs: many attempts, rules of all kinds, exact times. In random order."""

import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from random import Random

from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pipelinerun.api.spec import Backoff, Retries, RetryRule
from pipelinerun.api.status import MAX_ATTEMPTS_KEPT, TERMINAL_PHASES, PipelineRunStatus
from tests.support.exploration.exploring import check_world, rests_in_peace
from tests.support.exploration.scenario import Scenario
from tests.support.exploration.sights import ENDS
from tests.support.exploration.steps import MODES, Steps
from tests.support.exploration.times import Exact
from tests.support.exploration.world import Life, Step, Version, World, attempt, read

RULES = st.builds(
    RetryRule,
    exit_codes=st.none() | st.just([1]),
    failure_classes=st.lists(
        st.sampled_from(["User", "Timeout", "Infrastructure"]), min_size=1, unique=True
    ),
    action=st.sampled_from(["Retry", "Fail", "Ignore"]),
)
RETRIES = st.builds(
    Retries,
    limit=st.integers(0, 5),
    infrastructure_limit=st.integers(0, 5),
    backoff=st.builds(
        Backoff, initial_seconds=st.sampled_from([0.0, 5.0]), jitter=st.sampled_from([0.0, 0.5])
    ),
    rules=st.lists(RULES, max_size=2),
)
SEEDS = st.integers(0, 2**16)
COUNTS = st.integers(0, 60)
LONG = 200
"""Happy steps in which every run rests."""


class Lives(RuleBasedStateMachine):
    """A run and all that may happen to it."""

    world: World
    steps: Steps

    @initialize(
        mode=st.sampled_from(sorted(MODES)),
        seed=SEEDS,
        retries=RETRIES,
        ends=st.sets(st.sampled_from(ENDS)),
    )
    def begins(self, mode: str, seed: int, retries: Retries, ends: set[Life]) -> None:
        self.scenario = Scenario(
            retries=retries,
            wishes=8,
            suspends=True,
            shutdowns=("Drain", "Terminate"),
            limits=("active", "pending", "attempt", "ttl"),
            ends=tuple(sorted(ends | {"success"})),  # a rule may try again without end
            trouble=True,
        )
        self.steps = Steps(mode, self.scenario, Exact())
        self.world = World(Version("{}", self.scenario.wish), wishes=self.scenario.wishes)
        self._go_on(seed, 30, lambda step: step.happy)

    @rule(seed=SEEDS, then=COUNTS)
    def is_disturbed(self, seed: int, then: int) -> None:
        self._go_on(seed, then, lambda step: not step.happy and "a user" not in step.label)

    @rule(seed=SEEDS, then=COUNTS)
    def is_wished_otherwise(self, seed: int, then: int) -> None:
        self._go_on(seed, then, lambda step: "a user" in step.label and "asks" not in step.label)

    @precondition(lambda self: self.attempts > 1)
    @rule(seed=SEEDS, then=COUNTS)
    def is_to_end(self, seed: int, then: int) -> None:
        self._go_on(seed, then, lambda step: "asks" in step.label)

    @invariant()
    def keeps_its_promises(self) -> None:
        check_world(self.world, self.scenario)
        if self.world.run is not None:
            check_status(read(self.world.run.status))

    def teardown(self) -> None:
        """Whatever has happened: left alone, the run ends, unless failures are ignored for ever."""
        if any(it.action == "Ignore" for it in self.scenario.retries.rules):
            return
        taken: Counter[str] = Counter()
        for _ in range(LONG):
            if rests_in_peace(self.world):
                return
            happy = (it for it in self.steps.of(self.world) if it.happy)
            step = min(happy, key=lambda it: taken[_kind(it)])
            taken[_kind(step)] += 1
            note(step.label)
            self.world = step.world
        raise AssertionError("the run does not end")

    @property
    def attempts(self) -> int:
        """How many there have been."""
        return attempt(self.world.run) if self.world.run else 0

    def _go_on(self, seed: int, then: int, wanted: Callable[[Step], bool]) -> None:
        """Something happens, and then some steps go well."""
        order = Random(seed)
        self._take(order, wanted)
        for _ in range(then):
            self._take(order, lambda step: step.happy)

    def _take(self, order: Random, wanted: Callable[[Step], bool]) -> None:
        steps = [it for it in self.steps.of(self.world) if wanted(it)]
        if steps:
            step = order.choice(steps)
            note(step.label)
            self.world = step.world


def _kind(step: Step) -> str:
    return re.sub(r"\d+", "", step.label)


def check_status(status: PipelineRunStatus) -> None:
    """What holds of every status that is written."""
    attempts = status.attempts
    numbers = [it.number for it in attempts]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == min(status.attempt or 0, MAX_ATTEMPTS_KEPT)
    assert not numbers or numbers[-1] == status.attempt
    for before, after in pairwise(attempts):
        assert before.completion_time is not None
        assert before.completion_time <= after.start_time
    assert (status.completion_time is not None) == (status.phase in TERMINAL_PHASES)
    assert (status.stopping is not None) == (status.phase == "Stopping")


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=50, stateful_step_count=30)
