"""Reasons: why a run is where it is, in one word, for conditions and events."""

from typing import Final

# Waiting
WAITING_FOR_RAY: Final = "WaitingForRay"
WAITING_FOR_PLACE: Final = "WaitingForPlace"
WAITING_FOR_CODE: Final = "WaitingForCode"
WAITING_FOR_CLUSTER: Final = "WaitingForCluster"
BACKING_OFF: Final = "BackingOff"
UNSCHEDULABLE: Final = "Unschedulable"
CONTAINER_BLOCKED: Final = "ContainerBlocked"
POD_REFUSED: Final = "PodRefused"
CLUSTER_BLOCKED: Final = "ClusterBlocked"

SUSPENDED: Final = "Suspended"

# Under way
ATTEMPT_STARTING: Final = "AttemptStarting"
ATTEMPT_RUNNING: Final = "AttemptRunning"
SUSPENDING: Final = "Suspending"
DRAINING: Final = "Draining"
TERMINATING: Final = "Terminating"
FINISHING: Final = "Finishing"
WORKER_UNREACHABLE: Final = "WorkerUnreachable"

# Finished
COMPLETED: Final = "Completed"
INVALID_DEFINITION: Final = "InvalidDefinition"
NAMESPACE_NOT_ALLOWED: Final = "NamespaceNotAllowed"
MODE_NOT_SUPPORTED: Final = "ModeNotSupported"
PIPELINE_FAILED: Final = "PipelineFailed"
OUT_OF_MEMORY: Final = "OutOfMemory"
DEADLINE_EXCEEDED: Final = "DeadlineExceeded"
ATTEMPT_DEADLINE_EXCEEDED: Final = "AttemptDeadlineExceeded"
PENDING_DEADLINE_EXCEEDED: Final = "PendingDeadlineExceeded"
CANCELLED: Final = "Cancelled"
INFRASTRUCTURE_FAILED: Final = "InfrastructureFailed"
IMAGE_PULL_FAILED: Final = "ImagePullFailed"
EVICTED: Final = "Evicted"
PREEMPTED: Final = "Preempted"
NODE_LOST: Final = "NodeLost"
POD_DELETED: Final = "PodDeleted"
POD_FAILED: Final = "PodFailed"
WORKER_CRASHED: Final = "WorkerCrashed"

# Events only
ATTEMPT_STARTED: Final = "AttemptStarted"
RETRYING: Final = "Retrying"
FINALLY_FAILED: Final = "FinallyFailed"

# The condition Suspended only
RESUMED: Final = "Resumed"

MEANINGS: Final[dict[str, str]] = {
    WAITING_FOR_RAY: "The operator's Ray is still starting.",
    WAITING_FOR_PLACE: "All in-process places of the operator are taken; the oldest run is next.",
    WAITING_FOR_CODE: "The ConfigMap in code.configMap is missing, or may not be read.",
    WAITING_FOR_CLUSTER: "The head of ray.cluster, or the pods of the run's own, are not ready.",
    BACKING_OFF: "An attempt failed; the next one starts after the back-off.",
    UNSCHEDULABLE: "No node takes the worker pod; the message is the scheduler's.",
    CONTAINER_BLOCKED: "The kubelet cannot start the worker's container; the message is its own.",
    POD_REFUSED: "A quota or a policy does not let the worker pod in; it is tried again.",
    CLUSTER_BLOCKED: "The run's own RayCluster cannot come up; the message says why.",
    SUSPENDED: "spec.suspend holds the run, or ended the attempt.",
    ATTEMPT_STARTING: "An attempt was handed out; nothing has been seen of it yet.",
    ATTEMPT_RUNNING: "The attempt runs.",
    SUSPENDING: "spec.suspend is true: the attempt has been told to end.",
    DRAINING: "spec.shutdown is Drain: the sources stop, what is in flight goes on.",
    TERMINATING: "spec.shutdown is Terminate: the attempt has been told to end.",
    FINISHING: "The pipeline has ended; its finally stages run.",
    WORKER_UNREACHABLE: "The worker cannot be told to drain yet; the message says why.",
    COMPLETED: "The pipeline ended with exit code 0.",
    INVALID_DEFINITION: "The manifest breaks a rule; the message names the field.",
    NAMESPACE_NOT_ALLOWED: "The operator does not allow in-process runs in this namespace.",
    MODE_NOT_SUPPORTED: "The operator cannot run this mode.",
    PIPELINE_FAILED: "The pipeline's own code failed; status.failure says where and why.",
    OUT_OF_MEMORY: "The pipeline was killed because memory ran out.",
    DEADLINE_EXCEEDED: "The run took longer than activeDeadlineSeconds.",
    ATTEMPT_DEADLINE_EXCEEDED: "The attempt took longer than attemptDeadlineSeconds.",
    PENDING_DEADLINE_EXCEEDED: "No attempt ran within pendingDeadlineSeconds.",
    CANCELLED: "Somebody ended the run; mostly by spec.shutdown.",
    INFRASTRUCTURE_FAILED: "The attempt was lost: its driver, Ray or the operator went away.",
    IMAGE_PULL_FAILED: "The worker's image cannot be pulled; after a while the attempt fails.",
    EVICTED: "The worker pod was evicted.",
    PREEMPTED: "The worker pod had to make room for a pod of higher priority.",
    NODE_LOST: "The worker pod's node is gone, or came back without its container.",
    POD_DELETED: "Somebody deleted the worker pod.",
    POD_FAILED: "The worker pod failed before its container ran.",
    WORKER_CRASHED: "The worker itself was killed, or could not start the pipeline.",
    ATTEMPT_STARTED: "An attempt was started.",
    RETRYING: "An attempt failed and another one follows.",
    FINALLY_FAILED: "A finally stage failed, or was late; the run's own end is unchanged.",
    RESUMED: "spec.suspend is false again.",
}
"""What each reason means, for the reference."""

EVENTS: Final[frozenset[str]] = frozenset(
    {
        ATTEMPT_STARTED,
        RETRYING,
        FINALLY_FAILED,
        COMPLETED,
        INVALID_DEFINITION,
        NAMESPACE_NOT_ALLOWED,
        MODE_NOT_SUPPORTED,
        PIPELINE_FAILED,
        OUT_OF_MEMORY,
        DEADLINE_EXCEEDED,
        ATTEMPT_DEADLINE_EXCEEDED,
        PENDING_DEADLINE_EXCEEDED,
        CANCELLED,
        SUSPENDING,
        SUSPENDED,
        DRAINING,
        TERMINATING,
        WORKER_UNREACHABLE,
        INFRASTRUCTURE_FAILED,
        IMAGE_PULL_FAILED,
        EVICTED,
        PREEMPTED,
        NODE_LOST,
        POD_DELETED,
        POD_FAILED,
        WORKER_CRASHED,
    }
)
"""Reasons that also appear as Kubernetes Events."""
