"""What a benchmark found: rows of a table, or JSON."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        what: what was measured.
        ours: value, with its unit.
        beside: the same without the operator, where there is such a thing.
        ratio: ours by beside.
    """

    what: str
    ours: str
    beside: str = ""
    ratio: float | None = None


def compared(what: str, ours: Sequence[float], beside: Sequence[float]) -> Row:
    """Medians of seconds that were measured in turns.

    The ratio is the median of the turns' own: a machine that is busier for a while changes nothing.
    """
    ratios = [mine / theirs for mine, theirs in zip(ours, beside, strict=True)]
    medians = seconds(statistics.median(ours)), seconds(statistics.median(beside))
    return Row(what, *medians, round(statistics.median(ratios), 3))


def seconds(value: float) -> str:
    """Seconds for people."""
    return f"{value * 1000:,.0f} ms" if value < 1 else f"{value:,.2f} s"


def show(title: str, rows: Sequence[Row], *, as_json: bool) -> None:
    """Print what was found."""
    if as_json:
        print(json.dumps({"benchmark": title, "rows": [asdict(row) for row in rows]}))
        return
    table = Table("", "ours", "beside", "ratio", title=title, title_justify="left", box=None)
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        table.add_row(row.what, row.ours, row.beside, ratio)
    Console().print(table, "")
