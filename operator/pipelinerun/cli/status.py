"""The status that a cluster would show, for a run without one. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pipelinerun.api.exit_codes import ExitCode
from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.status import (
    Failure,
    FinallyStatus,
    Outcome,
    PipelineRunStatus,
    Verdict,
)
from pipelinerun.api.violations import InvalidDefinitionError
from pipelinerun.core import status as build
from pipelinerun.core.retry import budget_for
from pipelinerun.core.timestamps import format_time, parse_time


def refused(error: InvalidDefinitionError, *, now: datetime) -> PipelineRunStatus:
    """The status of a run whose manifest breaks rules."""
    message = "; ".join(map(str, error.violations))
    failure = Failure(class_="Config", message=message[:MESSAGE_LIMIT])
    outcome = Outcome(exit_code=ExitCode.INVALID_DEFINITION, failure=failure)
    return build.finished(PipelineRunStatus(), outcome, generation=None, now=now)


def ended(
    stage_names: Sequence[str],
    outcome: Outcome,
    *,
    started: datetime,
    now: datetime,
    last: FinallyStatus | None = None,
) -> PipelineRunStatus:
    """The status of a run whose one attempt has ended, and its finally stages if it has any."""
    over = parse_time(last.start_time) if last else now
    status = build.attempt_started(
        PipelineRunStatus(), stage_names, None, generation=None, now=started
    )
    status = build.attempt_ended(status, outcome, now=over, budget=budget_for(outcome))
    status = status.model_copy(update={"finally_": last})
    return build.finished(status, outcome, generation=None, now=now)


def verdict_of(outcome: Outcome) -> Verdict:
    """How a run ends whose one attempt has ended."""
    return build.verdict(PipelineRunStatus(attempt=1), outcome)


def finally_ended(outcome: Outcome, *, started: datetime, now: datetime) -> FinallyStatus:
    """The status of finally stages that have ended."""
    begun = FinallyStatus(state="Running", execution=1, start_time=format_time(started))
    return build.finally_ended(begun, outcome, now=now)


def document(status: PipelineRunStatus) -> dict[str, Any]:
    """The status as ``kubectl get -o json`` shows it."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)
