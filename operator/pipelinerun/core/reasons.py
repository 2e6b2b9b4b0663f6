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
