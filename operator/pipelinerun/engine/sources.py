"""Sources: anything that gives rows becomes a Dataset."""

import inspect
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import ray.data
from ray.data import Dataset

from pipelinerun.engine.loading import load
from pipelinerun.engine.plan import StagePlan
from pipelinerun.engine.stage_task import run_source


def dataset_of(plan: StagePlan, options: dict[str, Any]) -> tuple[Dataset, bool]:
    """The Dataset of a source, and whether its rows are counted where they are made.

    A reader is called here, in the driver. A generator runs in a task on Ray, and so does a
    function that turns out to return an iterator: nothing of it has run by then.
    """
    if not _yields(load(plan.stage.import_path)):
        result = plan.bind(lambda: False)()
        if not isinstance(result, Iterator):
            return _from_value(result), False
    one = ray.data.range(1, override_num_blocks=1)
    rows = one.map_batches(
        run_source, batch_size=None, batch_format=None, fn_kwargs={"plan": plan}, **options
    )
    return rows, True


def _yields(target: Any) -> bool:
    function = getattr(target, "__call__", target) if inspect.isclass(target) else target  # noqa: B004
    return inspect.isgeneratorfunction(function)


def _from_value(value: Any) -> Dataset:
    match value:
        case Dataset():
            return value
        case list():
            return ray.data.from_items(value)
        case pd.DataFrame():
            return ray.data.from_pandas(value)
        case pa.Table():
            return ray.data.from_arrow(value)
        case _:
            raise TypeError(
                f"returned {type(value).__name__}; a source returns a Dataset, a list of rows, "
                "a DataFrame or a Table, or yields rows"
            )
