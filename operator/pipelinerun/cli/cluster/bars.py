"""The stages of a run that is watched, with bars. Pure."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipelinerun.api.status import StageStatus
from pipelinerun.cli.rates import rate_text
from pipelinerun.cli.render import STATE_COLOURS

_BAR = 10
_ALL_SO_FAR = 0.95
"""The share of a stage that runs and has taken all: more may come, and may never end."""


def bar_table(stages: Sequence[StageStatus], rates: Mapping[str, float]) -> Table:
    """All stages, one a line, in less than 80 columns; ``rates`` are rows per second."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("STAGE", min_width=8, max_width=28, overflow="ellipsis")
    table.add_column("", width=_BAR, no_wrap=True)
    table.add_column("STATE", no_wrap=True)
    for name in ("ROWS IN", "ROWS OUT", "ROWS/S"):
        table.add_column(name, justify="right", no_wrap=True)
    taken = shares(stages)
    for stage in stages:
        begun = stage.state != "Pending"
        table.add_row(
            stage.name,
            ProgressBar(1.0, taken[stage.name], width=_BAR),
            Text(stage.state, style=STATE_COLOURS[stage.state]),
            f"{stage.rows_in:,}" if begun else "",
            f"{stage.rows_out:,}" if begun else "",
            rate_text(rates[stage.name]) if stage.name in rates else "",
        )
    return table


def shares(stages: Sequence[StageStatus]) -> dict[str, float]:
    """How much each stage has taken of what the stage before has given so far.

    Only a stage that has succeeded has taken all, and so has a source then.
    """
    found: dict[str, float] = {}
    given = 0
    for stage in stages:
        done = stage.state in {"Succeeded", "Skipped"}
        share = min(stage.rows_in / given, _ALL_SO_FAR) if given else 0.0
        found[stage.name] = 1.0 if done else share
        given = stage.rows_out
    return found
