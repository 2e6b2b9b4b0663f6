"""Conditions: one Succeeded for ``kubectl wait``, the rest by the kstatus rules.

kstatus, and with it Flux, Argo CD and ``kubectl wait``, reads Reconciling=True as in progress,
Stalled=True as failed and Ready=True as done. Reconciling and Stalled exist only while True.
A suspended run is what its spec asks for and may stay so for days: it has none of the three, which
kstatus reads as done, so that nobody who waits for it gives up.
Suspended is that of a Job: it exists once a run was suspended, and tells when it was resumed.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.status import Condition, ConditionType, Phase
from pipelinerun.core import reasons
from pipelinerun.core.timestamps import format_time

Truth = Literal["True", "False", "Unknown"]

_SUCCEEDED: dict[ConditionType, Truth] = {"Succeeded": "True", "Ready": "True"}
_SUSPENDED: dict[ConditionType, Truth] = {"Succeeded": "Unknown", "Suspended": "True"}
_FAILED: dict[ConditionType, Truth] = {"Succeeded": "False", "Ready": "False", "Stalled": "True"}
_UNDER_WAY: dict[ConditionType, Truth] = {
    "Succeeded": "Unknown",
    "Ready": "False",
    "Reconciling": "True",
}


_TRUTHS: dict[Phase, dict[ConditionType, Truth]] = {
    "Suspended": _SUSPENDED,
    "Succeeded": _SUCCEEDED,
    "Failed": _FAILED,
    "Cancelled": _FAILED,
}


def conditions_for(
    phase: Phase,
    reason: str,
    message: str,
    *,
    previous: Iterable[Condition],
    generation: int | None,
    now: datetime,
) -> list[Condition]:
    """All conditions of a run; transition times are kept where a condition's truth is unchanged."""
    before = {condition.type: condition for condition in previous}

    def condition(kind: ConditionType, truth: Truth, reason: str, message: str) -> Condition:
        known = before.get(kind)
        kept = known is not None and known.status == truth
        return Condition(
            type=kind,
            status=truth,
            reason=reason,
            message=message[:MESSAGE_LIMIT],
            last_transition_time=known.last_transition_time if known and kept else format_time(now),
            observed_generation=generation,
        )

    found = [
        condition(kind, truth, reason, message)
        for kind, truth in _TRUTHS.get(phase, _UNDER_WAY).items()
    ]
    if phase != "Suspended" and "Suspended" in before:
        found.append(condition("Suspended", "False", reasons.RESUMED, "The run goes on"))
    return found


def current(conditions: Iterable[Condition]) -> Condition | None:
    """The condition that tells where the run is; None while there are none."""
    return next((condition for condition in conditions if condition.type == "Succeeded"), None)


def tells(conditions: Iterable[Condition], reason: str) -> bool:
    """Whether the conditions say already why a run is where it is."""
    told = current(conditions)
    return told is not None and told.reason == reason


def resumed_at(conditions: Iterable[Condition]) -> str | None:
    """When the run was last resumed, if it was."""
    times = (it.last_transition_time for it in conditions if it.type == "Suspended")
    return next(times, None)
