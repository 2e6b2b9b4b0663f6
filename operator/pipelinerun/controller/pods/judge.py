"""What a pod's state says of its attempt. Pure."""

from datetime import datetime

from pipelinerun.api.exit_codes import KILLED, TERMINATED, ExitCode, signal_of
from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.status import Failure, FailureClass, Outcome, StageStatus
from pipelinerun.api.termination import decode
from pipelinerun.controller.pods.pod import Pod, Terminated
from pipelinerun.core import reasons
from pipelinerun.core.observed import Sighting
from pipelinerun.core.status import halted

PULL_PATIENCE = 300.0
"""Seconds after which an image that cannot be pulled ends the attempt."""
_PAST_DEADLINE = "DeadlineExceeded"
_OWN_DEADLINE = "the activeDeadlineSeconds of the pod itself have passed"
_DISRUPTIONS = {
    "PreemptionByScheduler": reasons.PREEMPTED,
    "DeletionByTaintManager": reasons.NODE_LOST,
    "DeletionByPodGC": reasons.NODE_LOST,
}
_FORGOTTEN = frozenset({"Unknown", "ContainerStatusUnknown"})
"""What containerd and the kubelet say of containers that were gone when they came back."""
_PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"})
_NEVER = frozenset({"InvalidImageName", "ErrImageNeverPull"})
_BROKEN = frozenset(
    {
        *("CreateContainerConfigError", "CreateContainerError", "RunContainerError"),
        *("PreCreateHookError", "PostStartHookError"),
    }
)


def sighting_of(pod: Pod, stages: tuple[StageStatus, ...], now: datetime) -> Sighting:
    """What is seen of an attempt in its pod.

    Args:
        pod: the pod as it is, or as it was last seen.
        stages: how far the stages are, as the worker last told.
        now: the time.
    """
    _, number = pod.attempt
    if pod.terminated is not None:
        return _ended(number, *_judged(pod, pod.terminated, stages))
    if pod.running and (pod.phase != "Failed" or pod.reason == _PAST_DEADLINE):
        # Some kubelets tell that a deadline has passed before they end the container.
        return Sighting(number, "Running", stages=stages)
    if pod.phase == "Failed":
        return _ended(number, *_never_told(pod, stages))
    return _not_started(pod, number, now)


def lost(pod: Pod, stages: tuple[StageStatus, ...]) -> Sighting:
    """A pod is gone without having told its end."""
    _, number = pod.attempt
    reason, message = _taken_away(pod)
    text = message or f"pod {pod.name} was deleted"
    if not pod.begun:
        return Sighting(number, "Lost", reason=reason or reasons.POD_DELETED, message=text)
    outcome = _failed(KILLED, "Infrastructure", text, stages)
    return _ended(number, outcome, reason or reasons.POD_DELETED)


def _ended(number: int, outcome: Outcome, reason: str) -> Sighting:
    return Sighting(number, "Ended", outcome=outcome, reason=reason)


def _judged(pod: Pod, end: Terminated, stages: tuple[StageStatus, ...]) -> tuple[Outcome, str]:
    """What a container that has ended stands for: what it told, in the light of what was done."""
    told = decode(end.message)
    outcome = _without_words(end, stages) if told is None else _completed(told, stages)
    failure = outcome.failure
    if failure is not None and failure.class_ in {"Cancelled", "Infrastructure"}:
        # It was ended from outside: whoever did that is the cause.
        reason, message = _taken_away(pod)
        if reason:
            return _caused(outcome, "Infrastructure", message), reason
        if pod.stopped:
            return _caused(outcome, "Cancelled", "the attempt was stopped"), ""
        if pod.reason == _PAST_DEADLINE:
            late = outcome.model_copy(update={"exit_code": ExitCode.DEADLINE})
            return _caused(late, "Timeout", _OWN_DEADLINE), ""
    if told is None and failure is not None and failure.class_ == "Infrastructure":
        return outcome, reasons.NODE_LOST if end.reason in _FORGOTTEN else reasons.WORKER_CRASHED
    return outcome, ""


def _caused(outcome: Outcome, kind: FailureClass, message: str) -> Outcome:
    """An outcome whose cause is known better than it could tell."""
    cause = _failed(outcome.exit_code, kind, message, tuple(outcome.stages))
    return cause.model_copy(update={"elapsed_seconds": outcome.elapsed_seconds})


def _taken_away(pod: Pod) -> tuple[str, str]:
    if pod.reason == "Evicted":
        return reasons.EVICTED, pod.message or "the node evicted the pod"
    if pod.disrupted is not None:
        word, message = pod.disrupted
        return _DISRUPTIONS.get(word, reasons.EVICTED), message or word or "the pod was evicted"
    if pod.deleted:
        return reasons.POD_DELETED, f"pod {pod.name} was deleted"
    return "", ""


def _without_words(end: Terminated, stages: tuple[StageStatus, ...]) -> Outcome:
    """A container that told nothing: its exit code, and the runtime's word for 137."""
    code, number = end.exit_code, signal_of(end.exit_code)
    if code == ExitCode.SUCCESS:
        done = [stage.model_copy(update={"state": "Succeeded"}) for stage in stages]
        return Outcome(exit_code=code, elapsed_seconds=end.seconds, stages=done)
    kind: FailureClass = "User"
    message = f"the container ended with exit code {code}"
    if end.reason in _FORGOTTEN:
        # The code is made up: 255 or 137.
        code, kind = KILLED, "Infrastructure"
        message = "the container was gone when its node came back"
    elif code == KILLED:
        # The word alone proves nothing: a child's death for memory gives it too.
        by_memory = end.reason == "OOMKilled"
        kind = "OutOfMemory" if by_memory else "Infrastructure"
        message = "the container was killed" + (" because memory ran out" if by_memory else "")
    elif code == ExitCode.CANNOT_START or number is not None:
        kind = "Infrastructure"
    outcome = _failed(code, kind, message, stages)
    return outcome.model_copy(update={"elapsed_seconds": end.seconds})


def _completed(told: Outcome, known: tuple[StageStatus, ...]) -> Outcome:
    """Stages that did not fit into the last words, as they were last seen."""
    said = {stage.name: stage for stage in told.stages}
    if not known or len(said) >= len(known):
        return told
    success = told.exit_code == ExitCode.SUCCESS
    rest = {"Running": "Succeeded" if success else "Stopped"}
    if success:
        rest["Pending"] = "Succeeded"
    stages = [
        said.get(stage.name)
        or stage.model_copy(update={"state": rest.get(stage.state, stage.state)})
        for stage in known
    ]
    return told.model_copy(update={"stages": stages})


def _never_told(pod: Pod, stages: tuple[StageStatus, ...]) -> tuple[Outcome, str]:
    """A pod that failed without its container having ended: refused or ended by its node."""
    reason, message = _taken_away(pod)
    if not reason and pod.stopped:
        return _failed(TERMINATED, "Cancelled", "the attempt was stopped", stages), ""
    if not reason and pod.reason == _PAST_DEADLINE:
        return _failed(ExitCode.DEADLINE, "Timeout", _OWN_DEADLINE, stages), ""
    text = message or pod.message or "the pod failed"
    return _failed(KILLED, "Infrastructure", text, stages), reason or reasons.POD_FAILED


def _not_started(pod: Pod, number: int, now: datetime) -> Sighting:
    if pod.unschedulable is not None:
        message = f"No node takes pod {pod.name}: {pod.unschedulable}"
        return Sighting(number, "Starting", reason=reasons.UNSCHEDULABLE, message=message)
    if pod.waiting is None:
        return Sighting(number, "Starting")
    word, text = pod.waiting
    message = f"{word}: {text}" if text else word
    waited = (now - pod.created).total_seconds()
    if word in _NEVER or (word in _PULL and waited > PULL_PATIENCE):
        kind: FailureClass = "Config" if word in _NEVER else "Infrastructure"
        outcome = _failed(ExitCode.CANNOT_START, kind, message, ())
        return Sighting(
            number, "Starting", outcome, reason=reasons.IMAGE_PULL_FAILED, message=message
        )
    if word in _PULL:
        return Sighting(number, "Starting", reason=reasons.IMAGE_PULL_FAILED, message=message)
    if word in _BROKEN:
        return Sighting(number, "Starting", reason=reasons.CONTAINER_BLOCKED, message=message)
    return Sighting(number, "Starting")


def _failed(
    code: int, kind: FailureClass, message: str, stages: tuple[StageStatus, ...]
) -> Outcome:
    failure = Failure(class_=kind, message=message[:MESSAGE_LIMIT], signal=signal_of(code))
    return Outcome(exit_code=code, failure=failure, stages=halted(stages))
