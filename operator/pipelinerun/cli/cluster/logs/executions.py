"""The attempts of a run, and its finally stages, as its status has them. Pure."""

from dataclasses import dataclass
from datetime import datetime

from pipelinerun.cli.cluster.errors import ClusterError
from pipelinerun.cli.cluster.reading import Body, phase_of, told_by
from pipelinerun.core.timestamps import parse_time


@dataclass(frozen=True)
class Execution:
    """An attempt, or the finally stages.

    Attributes:
        number: of the attempt; that of finally stages is negative.
        started: when it was handed out.
        ended: when its end was observed; None before.
        pod: its worker pod.
        operator: name of the operator that it runs in, in mode InProcess.
        operator_namespace: namespace of the operator's pod, if it has one.
    """

    number: int
    started: datetime
    ended: datetime | None
    pod: str | None
    operator: str | None
    operator_namespace: str | None

    @property
    def title(self) -> str:
        """What it is, for people."""
        return f"attempt {self.number}" if self.number > 0 else "the finally stages"


def executions(run: Body) -> list[Execution]:
    """All that the status tells of, in their order."""
    status = run.get("status") or {}
    found = [_execution(it, it["number"]) for it in status.get("attempts") or ()]
    last = status.get("finally")
    if last and last.get("execution"):
        found.append(_execution(last, -last["execution"]))
    return found


def chosen(run: Body, attempt: int | None, *, last: bool) -> Execution:
    """The attempt that was named, else the last one; with ``last`` the finally stages.

    Raises:
        ClusterError: there is none.
    """
    found = executions(run)
    wanted = [it for it in attempts(run) if attempt in {None, it.number}]
    fitting = [it for it in found if it.number < 0] if last else wanted
    if fitting:
        return fitting[-1]
    name = run["metadata"]["name"]
    if last:
        raise ClusterError(f"the finally stages of run {name!r} have not started: {state(run)}")
    known = [str(it.number) for it in attempts(run)]
    if known:
        raise ClusterError(
            f"the status of run {name!r} has no attempt {attempt}; it has {', '.join(known)}"
        )
    raise ClusterError(f"run {name!r} has not started: {state(run)}")


def next_of(run: Body, after: int) -> Execution | None:
    """What follows an attempt; 0 is before the first one. Nothing follows finally stages."""
    found = executions(run)
    if after < 0:
        return None
    later = [it for it in found if it.number > after] or [it for it in found if it.number < 0]
    return later[0] if later else None


def state(run: Body) -> str:
    """Where the run is, and why, for people."""
    message = told_by(run).message
    return f"it is {phase_of(run)}{message and ': '}{message}"


def attempts(run: Body) -> list[Execution]:
    """The attempts of a run."""
    return [it for it in executions(run) if it.number > 0]


def stage_names(run: Body) -> list[str]:
    """The stages that may have printed something, finally stages as well."""
    pipeline, status = run["spec"]["pipeline"], run.get("status") or {}
    listed = [*(pipeline.get("stages") or ()), *(pipeline.get("finally") or ())]
    return [*dict.fromkeys(it["name"] for it in [*listed, *(status.get("stages") or ())])]


def _execution(entry: Body, number: int) -> Execution:
    worker, ended = entry.get("worker") or {}, entry.get("completionTime")
    return Execution(
        number=number,
        started=parse_time(entry["startTime"]),
        ended=parse_time(ended) if ended else None,
        pod=worker.get("pod"),
        operator=worker.get("operator"),
        operator_namespace=worker.get("operatorNamespace"),
    )
