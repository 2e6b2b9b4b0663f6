"""Statuses and stages for people. Pure."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipelinerun.api.run import Failure, PipelineRunStatus, StageState, StageStatus

_COLOURS: dict[StageState, str] = {
    "Pending": "dim",
    "Running": "cyan",
    "Succeeded": "green",
    "Failed": "red",
    "Stopped": "yellow",
}


def stage_table(stages: Sequence[StageStatus], elapsed: float | None = None) -> Table:
    """All stages, one a line; with ``elapsed`` seconds also their rates."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("STAGE", max_width=28, no_wrap=True, overflow="ellipsis")
    table.add_column("STATE")
    rates = ("ROWS/S",) if elapsed else ()
    for name in ("ROWS IN", "ROWS OUT", "SECONDS", *rates):
        table.add_column(name, justify="right")
    for stage in stages:
        table.add_row(
            stage.name,
            Text(stage.state, style=_COLOURS[stage.state]),
            f"{stage.rows_in:,}" if stage.rows_in else "",
            f"{stage.rows_out:,}" if stage.rows_out else "",
            f"{stage.seconds:.1f}" if stage.seconds else "",
            *((_rate(stage, elapsed),) if elapsed else ()),
        )
    return table


def stage_line(stage: StageStatus) -> str:
    """One stage as a plain line."""
    return (
        f"{stage.name}: {stage.state}, {stage.rows_in} rows in, {stage.rows_out} rows out, "
        f"{stage.seconds:.1f} s"
    )


def summary(status: PipelineRunStatus) -> RenderableType:
    """How a run ended."""
    failed = status.phase == "Failed"
    head = Text.assemble(
        (status.phase or "", "bold red" if failed else "bold green"),
        f"   exit code {status.exit_code}   {status.elapsed_seconds or 0:.1f} s",
    )
    parts: list[RenderableType] = [stage_table(status.stages), Text(), head]
    if status.failure is not None:
        parts.append(_failure(status.failure))
    return Group(*parts)


def _failure(failure: Failure) -> RenderableType:
    rows = {
        "Class": failure.class_,
        "Stage": failure.stage,
        "Exception": failure.exception,
        "Message": failure.message,
    }
    grid = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        if value:
            grid.add_row(Text(name, style="bold"), Text(value))
    return Group(grid, Text(), Text(failure.tail)) if failure.tail else grid


def _rate(stage: StageStatus, elapsed: float) -> str:
    rows = max(stage.rows_in, stage.rows_out)
    return f"{rows / elapsed:,.0f}" if rows else ""
