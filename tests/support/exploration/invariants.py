"""What always holds."""

from enum import StrEnum


class Invariant(StrEnum):
    """A promise, in words."""

    ONE_ALIVE = "at most one execution of a run is alive"
    ONE_CLUSTER = "at most one cluster of a run is there"
    INTENT_FIRST = "no attempt is executed whose intent is not recorded"
    OWN_NUMBER = "every attempt has a number of its own"
    TERMINAL_ABSORBS = "a finished run never changes"
    ENDS_BEFORE_DELETED = "the operator deletes no run that has not finished"
    EXIT_CODE_AT_THE_END = "there is an exit code at the end, and only there"
    EXIT_CODE_OBSERVED = "the exit code is the one that was observed"
    VERDICT_STANDS = "finally stages do not change how a run ends"
    COMES_TO_REST = "decisions on the same facts come to rest"
    WITHIN_BUDGET = "there are no more attempts than the budgets allow"
    CAN_END = "a run can always end, or rest as it was wished"
    NOTHING_LEFT_BEHIND = "no execution and no cluster is left behind"


class BrokenError(Exception):
    """An invariant does not hold."""

    def __init__(self, invariant: Invariant) -> None:
        super().__init__(invariant)
        self.invariant = invariant


class CounterexampleError(AssertionError):
    """An invariant does not hold, and this is the way there."""

    def __init__(self, invariant: Invariant, way: list[str]) -> None:
        steps = [f"{number:3}. {label}" for number, label in enumerate(way, 1)]
        super().__init__("\n".join([f"Broken: {invariant}", *steps]))
        self.invariant = invariant
