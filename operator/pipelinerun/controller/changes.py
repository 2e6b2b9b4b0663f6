"""What the log tells of a run. Pure."""

from pipelinerun.api.status import PipelineRunStatus
from pipelinerun.controller.runs import Run
from pipelinerun.controller.subject import Subject
from pipelinerun.core.conditions import current
from pipelinerun.core.finishing import execution_of


def subject_of(run: Run) -> Subject:
    """A run and its last execution."""
    return Subject(run.name, run.namespace, run.uid, execution_of(run.status) or None)


def change(before: PipelineRunStatus, after: PipelineRunStatus) -> str | None:
    """What another status says that is more than progress; None if it is nothing."""
    if _state(before) == _state(after):
        return None
    told = current(after.conditions)
    if told is None:
        return str(after.phase)
    return " ".join(f"{after.phase}: {told.reason}: {told.message}".split())


def _state(status: PipelineRunStatus) -> tuple[object, ...]:
    told, last = current(status.conditions), status.finally_
    why = told.reason if told else None
    return status.phase, why, execution_of(status), last.state if last else None
