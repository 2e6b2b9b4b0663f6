"""What to do next about a run. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from pipelinerun.api.status import FailureClass, PipelineRunStatus
from pipelinerun.cli.cluster.reading import Body, is_finished, phase_of, told_by
from pipelinerun.core import reasons


@dataclass(frozen=True)
class Step:
    """Something to do.

    Attributes:
        text: what, in a sentence.
        command: that does it, or shows more.
    """

    text: str
    command: str = ""


@dataclass(frozen=True)
class _Case:
    """What advice is made of."""

    run: Body
    status: PipelineRunStatus
    program: str

    @property
    def name(self) -> str:
        return str(self.run["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.run["metadata"]["namespace"])

    @property
    def in_process(self) -> bool:
        return bool(self.run["spec"].get("mode") == "InProcess")

    @property
    def pod(self) -> str | None:
        return self.status.worker.pod if self.status.worker else None

    def command(self, verb: str, *, name: str | None = None) -> str:
        """One of ours about the run, or about another name."""
        return f"{self.program} {verb.replace('RUN', name or self.name)} -n {self.namespace}"

    def describe_pod(self) -> Step:
        what = "See what the cluster says of its pod"
        selector = self.pod or f"-l pipelinerun.dev/run={self.name}"
        return Step(what, f"kubectl describe pod {selector} -n {self.namespace}")

    def retry(self, text: str) -> Step:
        resume = any(stage.checkpointed for stage in self.status.stages)
        behind = ", behind its last checkpoint" if resume else ""
        verb = "retry RUN --resume" if resume else "retry RUN"
        return Step(f"{text}, run it again{behind}", self.command(verb))

    def new_one(self, text: str) -> Step:
        generated = self.run["metadata"].get("generateName")
        verb = "submit FILE" if generated else "submit FILE --name RUN"
        what = f"{text} submit the file again, as a new run"
        return Step(what, self.command(verb, name=f"{self.name}-2"))


Advice = Callable[[_Case], list[Step]]


def next_steps(run: Body, status: PipelineRunStatus, program: str) -> list[Step]:
    """What to do next, the best first; nothing where all is well.

    Args:
        run: as the API server sends it.
        status: the same run's.
        program: how the user calls this program.
    """
    case = _Case(run, status, program)
    return [*_about_the_run(case), *_about_finally_stages(case)]


def _about_the_run(case: _Case) -> list[Step]:
    phase, reason = phase_of(case.run), told_by(case.run).reason
    if not is_finished(case.run):
        return _UNDER_WAY.get(reason, _IN_PHASE.get(phase, _wait))(case)
    if phase == "Succeeded":
        return []
    if phase == "Cancelled":
        return [case.retry("If it should run after all")]
    by_class = case.status.failure and _OF_CLASS[case.status.failure.class_]
    advice = _ENDED.get(reason) or by_class or _user
    return advice(case)


def _about_finally_stages(case: _Case) -> list[Step]:
    last = case.status.finally_
    if last is None or last.failure is None:
        return []
    return [Step("Read what its finally stages printed", case.command("logs --finally RUN"))]


def _not_seen(case: _Case) -> list[Step]:
    if case.status.phase is not None:
        return _wait(case)
    return [
        Step(
            "No operator has looked at it yet. See that one runs, and that it watches the namespace"
            f" {case.namespace}",
            "kubectl get pods -A -l app.kubernetes.io/name=pipelinerun-operator",
        )
    ]


def _wait(case: _Case) -> list[Step]:
    return [
        Step("Follow what it prints", case.command("logs -f RUN")),
        Step("Or wait for its end", case.command("wait RUN")),
    ]


def _ray(_: _Case) -> list[Step]:
    return [Step("Nothing yet: it starts by itself once the operator's Ray is there")]


def _place(case: _Case) -> list[Step]:
    return [
        Step(
            "Wait until another in-process run ends, or end one",
            case.command("list --phase Running"),
        ),
        Step(
            "If this happens often, use mode Subprocess, or ask for more places (the operator's"
            " --in-process-capacity)"
        ),
    ]


def _backing_off(case: _Case) -> list[Step]:
    when = case.status.next_attempt_time
    return [
        Step(f"Nothing: the next attempt starts by itself{f' at {when}' if when else ''}"),
        Step("If it is of no use, end it", case.command("cancel RUN")),
    ]


def _unschedulable(case: _Case) -> list[Step]:
    return [
        case.describe_pod(),
        Step(
            "Ask for less in spec.podTemplate (resources, node selectors, tolerations), or add a"
            " node that fits"
        ),
    ]


def _blocked(case: _Case) -> list[Step]:
    return [
        case.describe_pod(),
        Step("See that what spec.podTemplate names is there: secrets, config maps, volumes"),
    ]


def _refused_pod(case: _Case) -> list[Step]:
    return [
        Step(
            "See what is left of the quota; the run starts by itself once there is enough",
            f"kubectl describe quota -n {case.namespace}",
        )
    ]


def _suspended(case: _Case) -> list[Step]:
    return [Step("Let it go on", case.command("resume RUN"))]


def _draining(case: _Case) -> list[Step]:
    return [
        *_wait(case),
        Step("If it takes too long, end it at once", case.command("cancel RUN")),
    ]


def _worker_unreachable(case: _Case) -> list[Step]:
    return [
        Step("See that no network policy keeps the operator from port 8080 of its pod"),
        Step("Or end it without draining", case.command("cancel RUN")),
    ]


def _user(case: _Case) -> list[Step]:
    failure = case.status.failure
    stage = f" of stage {failure.stage!r}" if failure and failure.stage else ""
    return [
        Step("Read what it printed before", case.command("logs RUN")),
        Step(
            f"Mend the code{stage}, and try it here, without a cluster",
            f"{case.program} run FILE",
        ),
        case.new_one("Then"),
        case.retry("If the cause was not in the code and has passed"),
    ]


def _config(case: _Case) -> list[Step]:
    return [
        Step(
            "Mend the field that the message names, and see that all is well",
            f"{case.program} validate FILE",
        ),
        case.new_one("Then"),
    ]


def _namespace(case: _Case) -> list[Step]:
    return [
        case.new_one("Set spec.mode to Subprocess, or use a namespace that is allowed, and"),
        Step("Or let the namespace be allowed (the operator's --in-process-namespace)"),
    ]


def _mode(case: _Case) -> list[Step]:
    return [
        case.new_one("Set spec.mode to the other mode, and"),
        Step("Or let the operator be given what it lacks (such as --worker-image)"),
    ]


def _code(case: _Case) -> list[Step]:
    name = case.run["spec"].get("code", {}).get("configMap", "NAME")
    command = f"kubectl create configmap {name} -n {case.namespace} --from-file=FILE.py"
    return [Step("Create its ConfigMap; the run starts by itself then", command)]


def _cluster(case: _Case) -> list[Step]:
    made = case.status.worker.ray_cluster if case.status.worker else None
    name = case.run["spec"].get("ray", {}).get("cluster") or made or "NAME"
    command = f"kubectl describe raycluster {name} -n {case.namespace}"
    return [Step("See what keeps its pods; the run starts by itself when it is ready", command)]


def _memory(case: _Case) -> list[Step]:
    if case.in_process:
        more = "Set spec.mode to Subprocess, with a memory limit of its own in spec.podTemplate"
    else:
        more = "Raise resources.limits.memory of the container named pipeline in spec.podTemplate"
    return [
        case.new_one(f"{more}, and"),
        Step("Or let it need less: a smaller batchSize, fewer replicas"),
    ]


def _deadline(field: str) -> Advice:
    def advice(case: _Case) -> list[Step]:
        return [
            Step("See in the table of stages which one was slow, or never began"),
            case.new_one(f"Make it faster, or raise spec.{field}, and"),
        ]

    return advice


def _pending_deadline(case: _Case) -> list[Step]:
    return [
        Step("See in the Events what it waited for"),
        case.retry("Once that is there"),
        Step("Or let it wait longer: spec.pendingDeadlineSeconds"),
    ]


def _image(case: _Case) -> list[Step]:
    return [
        case.describe_pod(),
        case.new_one("Mend the name of the image or its pull secret in spec.podTemplate, and"),
        case.retry("If the registry was away"),
    ]


def _infrastructure(case: _Case) -> list[Step]:
    return [
        case.retry("It was not the pipeline's fault"),
        Step("If this happens often, allow more attempts: spec.retries.infrastructureLimit"),
    ]


def _crashed(case: _Case) -> list[Step]:
    return [
        *([] if case.in_process else [case.describe_pod()]),
        *_infrastructure(case),
    ]


def _from_outside(case: _Case) -> list[Step]:
    return [case.retry("Somebody ended it, or a signal did. If it should run after all")]


_IN_PHASE: dict[str, Advice] = {"Pending": _not_seen, "Suspended": _suspended}
_UNDER_WAY: dict[str, Advice] = {
    reasons.WAITING_FOR_RAY: _ray,
    reasons.WAITING_FOR_PLACE: _place,
    reasons.WAITING_FOR_CODE: _code,
    reasons.WAITING_FOR_CLUSTER: _cluster,
    reasons.CLUSTER_BLOCKED: _cluster,
    reasons.BACKING_OFF: _backing_off,
    reasons.UNSCHEDULABLE: _unschedulable,
    reasons.CONTAINER_BLOCKED: _blocked,
    reasons.IMAGE_PULL_FAILED: _image,
    reasons.POD_REFUSED: _refused_pod,
    reasons.DRAINING: _draining,
    reasons.WORKER_UNREACHABLE: _worker_unreachable,
}
"""Of runs that are not over; where nothing is said, it is waited for the end."""
_ENDED: dict[str, Advice] = {
    reasons.NAMESPACE_NOT_ALLOWED: _namespace,
    reasons.MODE_NOT_SUPPORTED: _mode,
    reasons.DEADLINE_EXCEEDED: _deadline("activeDeadlineSeconds"),
    reasons.ATTEMPT_DEADLINE_EXCEEDED: _deadline("attemptDeadlineSeconds"),
    reasons.PENDING_DEADLINE_EXCEEDED: _pending_deadline,
    reasons.IMAGE_PULL_FAILED: _image,
    reasons.POD_FAILED: _crashed,
    reasons.WORKER_CRASHED: _crashed,
}
"""Of runs that failed, where the reason says more than the class."""
_OF_CLASS: dict[FailureClass, Advice] = {
    "User": _user,
    "Config": _config,
    "OutOfMemory": _memory,
    "Timeout": _deadline("activeDeadlineSeconds"),
    "Infrastructure": _infrastructure,
    "Cancelled": _from_outside,
}
