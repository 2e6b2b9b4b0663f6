"""What the operator sees of executions, in its own terms."""

from pipelinerun.api.status import Outcome
from pipelinerun.core import reasons
from pipelinerun.core.observed import Sighting
from tests.support.decisions import failed
from tests.support.exploration.world import Life, Sight

ENDS: tuple[Life, ...] = (
    *("success", "user failure", "config failure"),
    *("out of memory", "killed", "stopped"),
)
"""All ways in which an execution may end."""
OUTCOMES: dict[Sight, Outcome] = {
    "success": Outcome(exit_code=0, elapsed_seconds=2.5),
    "user failure": failed("User", 1),
    "config failure": failed("Config", 2),
    "out of memory": failed("OutOfMemory", 137),
    "killed": failed("Infrastructure", 137),
    "stopped": failed("Cancelled", 143),
    "refused for good": failed("Config", 2),
    "vanished": failed("Infrastructure", 137),
}
for _outcome in OUTCOMES.values():
    _outcome.stages.clear()  # how far stages are decides nothing

_NO_IMAGE = failed("Infrastructure", 125)
_REASONS: dict[Sight, str] = {
    "blocked": reasons.UNSCHEDULABLE,
    "refused": reasons.POD_REFUSED,
    "awaits its cluster": reasons.WAITING_FOR_CLUSTER,
    "cannot start": reasons.IMAGE_PULL_FAILED,
    "killed": reasons.EVICTED,
    "vanished": reasons.POD_DELETED,
    "refused for good": reasons.INVALID_DEFINITION,
}


def sighting(number: int, sight: Sight) -> Sighting:
    """What the realiser tells of an attempt."""
    reason = _REASONS.get(sight, "")
    if sight in OUTCOMES:
        return Sighting(number, "Ended", outcome=OUTCOMES[sight], reason=reason)
    if sight == "lost":
        return Sighting(number, "Lost", message="it is gone")
    if sight == "running":
        return Sighting(number, "Running")
    outcome = _NO_IMAGE if sight == "cannot start" else None
    message = reason and "it cannot start"
    return Sighting(number, "Starting", outcome, reason=reason, message=message)
