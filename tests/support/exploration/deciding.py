"""What the real operator decides on what it sees, and in which order it acts."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

from pipelinerun.api.exit_codes import KILLED, TERMINATED, ExitCode
from pipelinerun.api.spec import PipelineRunSpec
from pipelinerun.api.status import (
    TERMINAL_PHASES,
    UNDER_WAY_PHASES,
    Phase,
    PipelineRunStatus,
    Stopping,
    Worker,
)
from pipelinerun.controller.facts import observe
from pipelinerun.controller.runs import Run
from pipelinerun.core import reasons
from pipelinerun.core.actions import (
    Action,
    Delete,
    DeleteCluster,
    Reserve,
    Start,
    Stop,
    Tell,
    WriteStatus,
    actions,
)
from pipelinerun.core.finishing import execution_of
from pipelinerun.core.observed import Decision, Refusal, Sighting, Wait
from pipelinerun.core.policies import decide
from tests.support.decisions import NOW, WORKER
from tests.support.definitions import stage
from tests.support.exploration.invariants import BrokenError, Invariant
from tests.support.exploration.mode import Mode
from tests.support.exploration.scenario import Scenario
from tests.support.exploration.sights import OUTCOMES, sighting
from tests.support.exploration.times import LIMIT, Clock, deadlines
from tests.support.exploration.world import Sight, Todo, Version, read

_PIPELINE = {"stages": [stage("in", "source"), stage("out", "sink")]}
_FINALLY = [{"name": "after", "callable": "steps:after"}]
_CLUSTER = "cluster-"
_PLACE = Wait(reasons.WAITING_FOR_PLACE, "Waiting for a place")
_RAY = Wait(reasons.WAITING_FOR_RAY, "Waiting for Ray")
_REFUSAL = Refusal(reasons.NAMESPACE_NOT_ALLOWED, "not here")

WRITES_TO_REST = 2
"""An end and what follows from it; after a stop, which ends at once where nothing runs."""


class Facts(NamedTuple):
    """What a decision depends on."""

    view: Version
    age: int
    ready: bool
    refuses: bool
    sight: Sight | None
    leftover: int


class Choice(NamedTuple):
    """What may be decided.

    Attributes:
        todo: what follows.
        event: the Event's reason, if one is told.
        happy: whether nothing keeps the run from its place.
    """

    todo: tuple[Todo, ...]
    event: str | None
    happy: bool


@dataclass(frozen=True)
class Eyes:
    """What the realiser tells of the attempts of one run."""

    mode: Mode
    ready: bool
    seen: Sighting | None
    waits: Wait | None
    refuses: Refusal | None

    def worker(self, _run: Run, number: int) -> Worker:
        worker = Worker(pod=f"run-{number}") if self.mode.ready_at_once else WORKER
        cluster = f"{_CLUSTER}{number}" if self.mode.clusters and number > 0 else None
        return worker.model_copy(update={"ray_cluster": cluster})

    @property
    def restartable(self) -> bool:
        return self.mode.restartable

    def sighting(self, _uid: str, _number: int) -> Sighting | None:
        return self.seen

    def refusal(self, _run: Run) -> Refusal | None:
        return self.refuses

    def wait(self, _run: Run) -> Wait | None:
        return self.waits


class Deciding:
    """Decides as the operator does; the same facts are looked at once."""

    def __init__(self, scenario: Scenario, clock: Clock, mode: Mode) -> None:
        self._clock = clock
        self._scenario = scenario
        self._mode = mode
        self._choices: dict[Facts, tuple[Choice, ...]] = {}

    def choices(self, facts: Facts) -> tuple[Choice, ...]:
        """All that may be decided, with what the world outside may add."""
        known = self._choices.get(facts)
        if known is None:
            found = dict.fromkeys(
                self._choice(facts, wait, age, surplus=surplus)
                for wait in self._waits(facts)
                for age in (0.0, float("inf"))
                for surplus in {False, self._scenario.history}
            )
            known = self._choices[facts] = tuple(found)
        return known

    def _waits(self, facts: Facts) -> tuple[Wait | None, ...]:
        if self._mode.ready_at_once:
            return (None,)
        return (None, _PLACE) if facts.ready else (_RAY,)

    def _choice(self, facts: Facts, wait: Wait | None, age: float, *, surplus: bool) -> Choice:
        status = read(facts.view.status)
        number = execution_of(status)
        seen = sighting(number, facts.sight) if facts.sight else None
        refusal = _REFUSAL if facts.refuses else None
        eyes = Eyes(self._mode, facts.ready, seen, wait, refusal)
        run = self._run(facts)
        leftover = f"{_CLUSTER}{facts.leftover}" if facts.leftover else None
        observed, _ = observe(run, eyes, age, NOW, surplus=surplus, leftover=leftover)
        decision = decide(observed, NOW)
        todo = tuple(self._todo(it) for it in actions(status, decision) if not isinstance(it, Tell))
        if decision.start == number and status.phase not in UNDER_WAY_PHASES | {"Finishing"}:
            raise BrokenError(Invariant.OWN_NUMBER)
        if decision.status != status:
            _check_end(status, decision.status, facts.sight)
            _check_that_it_rests(run, eyes, age, decision)
        event = decision.event.reason if decision.event else None
        return Choice(todo, event, happy=wait is None and not surplus)

    def _run(self, facts: Facts) -> Run:
        wish, status = facts.view.wish, read(facts.view.status)
        document = {
            "mode": "Subprocess" if self._mode.ready_at_once else "InProcess",
            "pipeline": _PIPELINE | ({"finally": _FINALLY} if self._scenario.finally_ else {}),
            "finallyDeadlineSeconds": LIMIT,
            "suspend": wish.suspend,
            "shutdown": wish.shutdown,
        }
        spec = PipelineRunSpec.model_validate(document | deadlines(wish))
        return Run(
            namespace="default",
            name="run",
            uid="uid",
            resource_version="1",
            generation=1,
            created=NOW - timedelta(seconds=facts.age),
            spec=spec.model_copy(update={"retries": self._scenario.retries}),
            status=status,
            ttl=LIMIT if "ttl" in wish.limits else None,
        )

    def _todo(self, action: Action) -> Todo:
        match action:
            case WriteStatus(status=status):
                return Todo("write", status=self._clock.written(status))
            case Start(number=number):
                return Todo("start", number)
            case Stop(number=number, how=how):
                return Todo("stop", number, how)
            case Reserve():
                return Todo("reserve")
            case DeleteCluster(name=name):
                return Todo("delete cluster", int(name.removeprefix(_CLUSTER)))
            case Delete():
                return Todo("delete")
            case _:
                return Todo("release")


def _check_that_it_rests(run: Run, eyes: Eyes, age: float, decision: Decision) -> None:
    """Once all is done, the same facts soon call for nothing new."""
    for _ in range(WRITES_TO_REST + (decision.stop is not None)):
        if decision.start is not None:
            eyes = replace(eyes, seen=Sighting(decision.start, "Starting"))
        run = replace(run, status=decision.status)
        observed, _ = observe(run, eyes, age, NOW)
        decision = decide(observed, NOW)
        if decision.status == run.status:
            return
    raise BrokenError(Invariant.COMES_TO_REST)


def _check_end(before: PipelineRunStatus, after: PipelineRunStatus, sight: Sight | None) -> None:
    if before.phase in TERMINAL_PHASES:
        raise BrokenError(Invariant.TERMINAL_ABSORBS)
    if (after.exit_code is not None) != (after.phase in TERMINAL_PHASES):
        raise BrokenError(Invariant.EXIT_CODE_AT_THE_END)
    end = _end_of(after)
    if before.verdict is not None:
        if end != _end_of(before):
            raise BrokenError(Invariant.VERDICT_STANDS)
    elif end is not None and not _is_observed(*end, sight, before.stopping):
        raise BrokenError(Invariant.EXIT_CODE_OBSERVED)


def _end_of(status: PipelineRunStatus) -> tuple[Phase, int] | None:
    """How a run ends, once that is decided."""
    if status.verdict is not None:
        return status.verdict.phase, status.verdict.exit_code
    if status.phase in TERMINAL_PHASES and status.exit_code is not None:
        return status.phase, status.exit_code
    return None


def _is_observed(phase: Phase, code: int, sight: Sight | None, stopping: Stopping | None) -> bool:
    """Whether an exit code was seen, or is one by a rule."""
    if stopping is not None and stopping.cause == "ImagePullFailed":
        by_rule = {ExitCode.CANNOT_START}
    else:
        by_rule = {ExitCode.INVALID_DEFINITION, ExitCode.DEADLINE}
    seen = OUTCOMES[sight].exit_code if sight in OUTCOMES else None
    allowed: dict[Phase, set[int | None]] = {
        "Succeeded": {0},
        "Cancelled": {seen, TERMINATED},
        "Failed": {seen, KILLED, *by_rule} - {0},
    }
    return code in allowed[phase] and (code != 0 or seen == 0)
