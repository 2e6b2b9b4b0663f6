"""Conditions: one Succeeded for ``kubectl wait``, the rest by the kstatus rules.

kstatus, and with it Flux, Argo CD and ``kubectl wait``, reads Reconciling=True as in progress,
Stalled=True as failed and Ready=True as done. Reconciling and Stalled exist only while True.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pipelinerun.api.run import MESSAGE_LIMIT, Condition, ConditionType, Phase
from pipelinerun.core.timestamps import format_time

Truth = Literal["True", "False", "Unknown"]

_SUCCEEDED: dict[ConditionType, Truth] = {"Succeeded": "True", "Ready": "True"}
_FAILED: dict[ConditionType, Truth] = {"Succeeded": "False", "Ready": "False", "Stalled": "True"}
_UNDER_WAY: dict[ConditionType, Truth] = {
    "Succeeded": "Unknown",
    "Ready": "False",
    "Reconciling": "True",
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
    truths = {"Succeeded": _SUCCEEDED, "Failed": _FAILED}.get(phase, _UNDER_WAY)
    before = {condition.type: condition for condition in previous}
    return [
        Condition(
            type=kind,
            status=truth,
            reason=reason,
            message=message[:MESSAGE_LIMIT],
            last_transition_time=(
                before[kind].last_transition_time
                if kind in before and before[kind].status == truth
                else format_time(now)
            ),
            observed_generation=generation,
        )
        for kind, truth in truths.items()
    ]
