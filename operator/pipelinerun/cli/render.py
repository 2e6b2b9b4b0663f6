"""Statuses, stages and violations for people. Pure.

To be printed with ``soft_wrap``: messages are not cut or wrapped, so that they can be searched.
"""

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipelinerun.api.status import (
    Failure,
    FinallyStageStatus,
    PipelineRunStatus,
    StageState,
    StageStatus,
)
from pipelinerun.api.violations import Violation
from pipelinerun.cli.rates import rate_text
from pipelinerun.cli.text import cleaned

STATE_COLOURS: dict[StageState, str] = {
    "Pending": "dim",
    "Running": "cyan",
    "Succeeded": "green",
    "Failed": "red",
    "Stopped": "yellow",
    "Skipped": "dim",
}
PHASE_COLOURS = {
    "Suspended": "yellow",
    "Starting": "cyan",
    "Running": "cyan",
    "Stopping": "yellow",
    "Finishing": "cyan",
    "Succeeded": "green",
    "Failed": "red",
    "Cancelled": "yellow",
}


def stage_table(stages: Sequence[StageStatus], rates: Mapping[str, float] | None = None) -> Table:
    """All stages, one a line, in less than 80 columns; with ``rates`` also rows per second.

    Errors are shown where a stage has passed over some.
    """
    errors = any(map(_passed_over, stages))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("STAGE", max_width=28, overflow="ellipsis")
    table.add_column("STATE", no_wrap=True)
    more = [*(["ERRORS"] if errors else []), "SECONDS", *([] if rates is None else ["ROWS/S"])]
    for name in ("ROWS IN", "ROWS OUT", *more):
        table.add_column(name, justify="right", no_wrap=True)
    for stage in stages:
        cells: list[RenderableType] = [
            stage.name,
            Text(stage.state, style=STATE_COLOURS[stage.state]),
        ]
        if stage.state != "Pending":
            cells += [f"{stage.rows_in:,}", f"{stage.rows_out:,}"]
            cells += [f"{stage.errors:,}"] if errors else []
            cells.append(f"{stage.seconds:,.1f}")
        if rates and stage.name in rates:
            cells.append(rate_text(rates[stage.name]))
        table.add_row(*cells)
    return table


def finally_table(stages: Sequence[StageStatus | FinallyStageStatus]) -> Table:
    """All finally stages, one a line."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("FINALLY", max_width=28, overflow="ellipsis")
    table.add_column("STATE", no_wrap=True)
    table.add_column("SECONDS", justify="right", no_wrap=True)
    for stage in stages:
        seconds = "" if stage.state in {"Pending", "Running"} else f"{stage.seconds:,.1f}"
        table.add_row(stage.name, Text(stage.state, style=STATE_COLOURS[stage.state]), seconds)
    return table


def stage_line(stage: StageStatus, *, rows: bool = True) -> str:
    """One stage as a plain line."""
    if not rows:
        return f"{stage.name}: {stage.state}, {stage.seconds:.1f} s"
    plural = "" if stage.errors == 1 else "s"
    errors = f"{stage.errors} error{plural}, " if _passed_over(stage) else ""
    return (
        f"{stage.name}: {stage.state}, {stage.rows_in} rows in, {stage.rows_out} rows out, "
        f"{errors}{stage.seconds:.1f} s"
    )


def _passed_over(stage: StageStatus) -> bool:
    """Whether a stage has made other errors than the one that failed it."""
    return stage.errors > (stage.state == "Failed")


def summary(status: PipelineRunStatus) -> RenderableType:
    """How a run ended."""
    head = Text.assemble(
        (status.phase or "", "bold red" if status.phase == "Failed" else "bold green"),
        f"   exit code {status.exit_code}   {status.elapsed_seconds or 0:.1f} s",
    )
    parts: list[RenderableType] = [stage_table(status.stages), Text(), head]
    if status.failure is not None:
        parts.append(failure_text(status.failure))
    last = status.finally_
    if last is not None:
        parts += [Text(), finally_table(last.stages)]
        if last.failure is not None:
            parts += [Text(), Text("Finally stages failed", style="bold red")]
            parts.append(failure_text(last.failure))
    return Group(*parts)


def verdict(file: str, violations: Sequence[Violation]) -> Text:
    """Whether a file is valid, and everything that is wrong with it, one violation a line."""
    if not violations:
        return Text.assemble(("✓ ", "green"), f"{file}: valid")
    count = f"{len(violations)} violation{'s' if len(violations) > 1 else ''}"
    lines = (f"\n  {_indented(str(violation), 2)}" for violation in violations)
    return Text.assemble(("✗ ", "red"), f"{file}: {count}", *lines)


def failure_text(failure: Failure) -> Text:
    """Why something failed, with the end of its traceback or output."""
    fields = {
        "Class": failure.class_,
        "Stage": failure.stage,
        "Exception": failure.exception,
        "Message": failure.message,
    }
    width = max(map(len, fields)) + 2
    lines = [
        part
        for name, value in fields.items()
        if value
        for part in ((f"{name:<{width}}", "bold"), f"{_indented(cleaned(value), width)}\n")
    ]
    text = Text.assemble(*lines, f"\n{cleaned(failure.tail)}" if failure.tail else "")
    text.rstrip()
    return text


def _indented(text: str, width: int) -> str:
    return text.replace("\n", "\n" + " " * width)
