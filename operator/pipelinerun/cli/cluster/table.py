"""Runs as a table. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from pipelinerun.cli.cluster.ages import age, elapsed
from pipelinerun.cli.cluster.reading import Body, phase_of, told_by
from pipelinerun.cli.render import PHASE_COLOURS
from pipelinerun.cli.text import one_line

_SAYS_NO_MORE = frozenset(
    {"Completed", "Cancelled", "Suspended", "Finishing", "AttemptStarting", "AttemptRunning"}
)
"""Reasons that tell nothing that the phase does not."""


def plain_table() -> Table:
    """A table as kubectl's: without lines."""
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")


def shrinking(text: str) -> Text:
    """A cell that is cut where there is too little room. Its column must not be ``no_wrap``."""
    return Text(one_line(text), no_wrap=True, overflow="ellipsis")


def run_table(
    runs: Sequence[Body], now: datetime, *, wide: bool = False, namespaces: bool = False
) -> Table:
    """Runs, one a line, in the order given."""
    table = plain_table()
    if namespaces:
        table.add_column("NAMESPACE")
    table.add_column("NAME")
    table.add_column("PHASE", no_wrap=True)
    for title in ("EXIT", "ELAPSED", "STAGES", "AGE"):
        table.add_column(title, justify="right", no_wrap=True)
    if wide:
        table.add_column("ATTEMPT", justify="right", no_wrap=True)
        table.add_column("MODE", no_wrap=True)
    table.add_column("MESSAGE" if wide else "REASON")
    for run in runs:
        table.add_row(*_cells(run, now, wide=wide, namespaces=namespaces))
    return table


def _cells(run: Body, now: datetime, *, wide: bool, namespaces: bool) -> list[str | Text]:
    metadata, status = run["metadata"], run.get("status") or {}
    phase, told = phase_of(run), told_by(run)
    cells: list[str | Text] = [shrinking(metadata["namespace"])] if namespaces else []
    cells += [
        shrinking(metadata["name"]),
        Text(phase, style=PHASE_COLOURS.get(phase, "")),
        _number(status.get("exitCode")),
        elapsed(status.get("elapsedSeconds")),
        status.get("progress") or "",
        age(metadata["creationTimestamp"], now),
    ]
    if wide:
        cells += [_number(status.get("attempt")), run["spec"].get("mode", "Subprocess")]
        return [*cells, shrinking(told.message)]
    return [*cells, shrinking("" if told.reason in _SAYS_NO_MORE else told.reason)]


def _number(value: Any) -> str:
    return "" if value is None else str(value)
