"""Reasons: why a run is where it is, in one word, for conditions and events."""

from typing import Final

# Waiting
WAITING_FOR_RAY: Final = "WaitingForRay"
WAITING_FOR_PLACE: Final = "WaitingForPlace"
BACKING_OFF: Final = "BackingOff"

# Under way
ATTEMPT_STARTING: Final = "AttemptStarting"
ATTEMPT_RUNNING: Final = "AttemptRunning"

# Finished
COMPLETED: Final = "Completed"
INVALID_DEFINITION: Final = "InvalidDefinition"
NAMESPACE_NOT_ALLOWED: Final = "NamespaceNotAllowed"
MODE_NOT_SUPPORTED: Final = "ModeNotSupported"
PIPELINE_FAILED: Final = "PipelineFailed"
OUT_OF_MEMORY: Final = "OutOfMemory"
DEADLINE_EXCEEDED: Final = "DeadlineExceeded"
CANCELLED: Final = "Cancelled"
INFRASTRUCTURE_FAILED: Final = "InfrastructureFailed"

# Events only
ATTEMPT_STARTED: Final = "AttemptStarted"
RETRYING: Final = "Retrying"

MEANINGS: Final[dict[str, str]] = {
    WAITING_FOR_RAY: "The operator's Ray is still starting.",
    WAITING_FOR_PLACE: "All in-process places of the operator are taken; the oldest run is next.",
    BACKING_OFF: "An attempt failed; the next one starts after the back-off.",
    ATTEMPT_STARTING: "An attempt was handed out; nothing has been seen of it yet.",
    ATTEMPT_RUNNING: "The attempt runs.",
    COMPLETED: "The pipeline ended with exit code 0.",
    INVALID_DEFINITION: "The manifest breaks a rule; the message names the field.",
    NAMESPACE_NOT_ALLOWED: "The operator does not allow in-process runs in this namespace.",
    MODE_NOT_SUPPORTED: "The operator cannot run this mode.",
    PIPELINE_FAILED: "The pipeline's own code failed; status.failure says where and why.",
    OUT_OF_MEMORY: "The pipeline was killed because memory ran out.",
    DEADLINE_EXCEEDED: "A deadline passed.",
    CANCELLED: "Somebody ended the run.",
    INFRASTRUCTURE_FAILED: "The attempt was lost: its driver, Ray or the operator went away.",
    ATTEMPT_STARTED: "An attempt was started.",
    RETRYING: "An attempt failed and another one follows.",
}
"""What each reason means, for the reference."""

EVENTS: Final[frozenset[str]] = frozenset(
    {
        ATTEMPT_STARTED,
        RETRYING,
        COMPLETED,
        INVALID_DEFINITION,
        NAMESPACE_NOT_ALLOWED,
        MODE_NOT_SUPPORTED,
        PIPELINE_FAILED,
        OUT_OF_MEMORY,
        DEADLINE_EXCEEDED,
        CANCELLED,
        INFRASTRUCTURE_FAILED,
    }
)
"""Reasons that also appear as Kubernetes Events."""
