"""A run described for people. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipelinerun.api.names import LABEL_RETRY_OF
from pipelinerun.api.status import AttemptStatus, Condition, PipelineRunStatus, Worker
from pipelinerun.cli.cluster.advice import Step
from pipelinerun.cli.cluster.ages import age, elapsed, human
from pipelinerun.cli.cluster.reading import Body, phase_of, told_by
from pipelinerun.cli.cluster.table import plain_table
from pipelinerun.cli.render import PHASE_COLOURS, failure_text, finally_table, stage_table
from pipelinerun.cli.text import cleaned, one_line
from pipelinerun.core.timestamps import parse_time

_EVENTS_SHOWN = 10
_MEANINGS = {
    ("Succeeded", "True"): "it ended with exit code 0",
    ("Succeeded", "False"): "it ended without success",
    ("Succeeded", "Unknown"): "it is not over",
    ("Ready", "True"): "it is as it should be",
    ("Ready", "False"): "it is not as it should be, or not yet",
    ("Reconciling", "True"): "it is being worked on",
    ("Stalled", "True"): "it does not go on by itself",
    ("Suspended", "True"): "spec.suspend holds it",
    ("Suspended", "False"): "it was held, and goes on",
}


def description(
    run: Body,
    status: PipelineRunStatus,
    events: Sequence[Body],
    steps: Sequence[Step],
    now: datetime,
) -> RenderableType:
    """Everything about a run that a person needs, in less than 80 columns where that is possible.

    Args:
        run: as the API server sends it.
        status: the same run's.
        events: about it, as the API server sends them.
        steps: to do next.
        now: the time.
    """
    parts: list[RenderableType] = [_head(run, status, now)]
    for title, part in _sections(status, events, now):
        parts += _section(title, part)
    if steps:
        parts += _section("What to do next", _steps(steps))
    return Group(*parts)


def why(status: PipelineRunStatus, steps: Sequence[Step]) -> RenderableType:
    """Why a run failed, and what to do next."""
    parts: list[RenderableType] = []
    if status.failure is not None:
        parts += _section("Why it failed", failure_text(status.failure))
    if steps:
        parts += _section("What to do next", _steps(steps))
    return Group(*parts[1:])


def _steps(steps: Sequence[Step]) -> Table:
    """Steps as a list, each with its command below."""
    table = Table.grid(padding=(0, 1, 0, 0))
    for step in steps:
        table.add_row("-", f"{step.text}{':' if step.command else '.'}")
        if step.command:
            table.add_row("", Text(f"  {step.command}", style="bold"))
    return table


def _section(title: str, part: RenderableType) -> list[RenderableType]:
    return [Text(), Text(title, style="bold"), Padding(part, (0, 0, 0, 2))]


def _sections(
    status: PipelineRunStatus, events: Sequence[Body], now: datetime
) -> Iterator[tuple[str, RenderableType]]:
    if status.stages:
        yield "Stages", stage_table(status.stages)
    if status.finally_ is not None:
        yield "Finally stages", finally_table(status.finally_.stages)
        if status.finally_.failure is not None:
            yield "Why the finally stages failed", failure_text(status.finally_.failure)
    if status.attempts:
        yield "Attempts", _attempts(status.attempts, now)
    if status.failure is not None:
        yield "Why it failed", failure_text(status.failure)
    if status.conditions:
        yield "Conditions", _conditions(status.conditions, now)
    if events:
        yield "Last events", _events(events, now)


def _head(run: Body, status: PipelineRunStatus, now: datetime) -> Table:
    metadata, spec, phase = run["metadata"], run["spec"], phase_of(run)
    labels: dict[str, str] = metadata.get("labels") or {}
    seconds = status.elapsed_seconds
    fields: dict[str, RenderableType] = {
        "Name": metadata["name"],
        "Namespace": metadata["namespace"],
        "Phase": Text(phase, style=f"bold {PHASE_COLOURS.get(phase, '')}".strip()),
        "Because": cleaned(told_by(run).message),
        "Exit code": "" if status.exit_code is None else str(status.exit_code),
        "Elapsed": "" if seconds is None else f"{elapsed(seconds)} in the pipeline itself",
        "Mode": spec.get("mode", "Subprocess"),
        "Worker": _place(status.worker),
        "Created": _moment(metadata["creationTimestamp"], now),
        "Started": _moment(status.start_time, now),
        "Finished": _moment(status.completion_time, now),
        "Starts at": f"stage {spec['resumeFrom']}" if spec.get("resumeFrom") else "",
        "Retry of": labels.get(LABEL_RETRY_OF, ""),
    }
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in fields.items():
        if value:
            table.add_row(Text(name, style="bold"), value)
    return table


def _moment(timestamp: str | None, now: datetime) -> str:
    if timestamp is None:
        return ""
    return f"{parse_time(timestamp):%Y-%m-%d %H:%M:%S} UTC, {age(timestamp, now)} ago"


def _place(worker: Worker | None) -> str:
    if worker is None:
        return ""
    cluster = f", RayCluster {worker.ray_cluster}" if worker.ray_cluster else ""
    if worker.pod:
        return f"pod {worker.pod}" + (f" on node {worker.node}" if worker.node else "") + cluster
    return f"operator {worker.operator}{cluster}" if worker.operator else ""


def _attempts(attempts: Sequence[AttemptStatus], now: datetime) -> Table:
    table = plain_table()
    table.add_column("ATTEMPT", justify="right", no_wrap=True)
    table.add_column("ENDED AS", overflow="fold")
    for title in ("EXIT", "ELAPSED", "STARTED", "TOOK"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("WHERE", overflow="fold")
    for it in attempts:
        took = _length(it.start_time, it.completion_time) if it.completion_time else None
        table.add_row(
            str(it.number),
            it.reason or ("Completed" if it.exit_code == 0 else ""),
            "" if it.exit_code is None else str(it.exit_code),
            elapsed(it.elapsed_seconds),
            f"{age(it.start_time, now)} ago",
            "" if took is None else human(took),
            _place(it.worker),
        )
    return table


def _length(start: str, end: str) -> float:
    return (parse_time(end) - parse_time(start)).total_seconds()


def _conditions(conditions: Sequence[Condition], now: datetime) -> Table:
    table = plain_table()
    table.add_column("CONDITION", no_wrap=True)
    table.add_column("FOR", justify="right", no_wrap=True)
    table.add_column("MEANING")
    for it in conditions:
        meaning = _MEANINGS.get((it.type, it.status), "")
        known = f"{meaning} ({it.reason})" if it.type == "Succeeded" else meaning
        table.add_row(f"{it.type}={it.status}", age(it.last_transition_time, now), known)
    return table


def _events(events: Sequence[Body], now: datetime) -> Table:
    table = plain_table()
    table.add_column("AGE", justify="right", no_wrap=True)
    table.add_column("TYPE", no_wrap=True)
    table.add_column("REASON", no_wrap=True)
    table.add_column("MESSAGE")
    for event in sorted(events, key=_time_of)[-_EVENTS_SHOWN:]:
        style = "yellow" if event.get("type") == "Warning" else ""
        table.add_row(
            age(_time_of(event) or None, now),
            Text(event.get("type") or "", style=style),
            event.get("reason") or "",
            Text(one_line(event.get("message") or "")),
        )
    return table


def _time_of(event: Body) -> str:
    times = (event.get(key) for key in ("lastTimestamp", "eventTime", "firstTimestamp"))
    return next((str(time) for time in times if time), "")
