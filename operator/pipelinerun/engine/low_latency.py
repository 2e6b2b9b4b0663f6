"""How blocks of a stream get through Ray Data at once. Reaches into Ray's private parts.

By default Ray Data gathers rows until a block has 128 MiB, and its executor looks every 0.1 seconds
for what is done, unless everything is. The only setting, a smaller block, slices blocks into rows.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.data._internal.execution import metadata_fetcher, streaming_executor_state
from ray.data._internal.execution.operators.map_transformer import BatchMapTransformFn
from ray.data._internal.output_buffer import OutputBlockSizeOption
from ray.data._internal.planner import plan_udf_map_op

from pipelinerun.engine.trimming import replaced

NO_BATCHES = 1
"""Stands for no rows of a batch where Ray Data insists on some."""
PAUSE = 0.001
"""Seconds between two looks at what is done, when something is done at each."""


@contextmanager
def low_latency() -> Iterator[None]:
    """Execute Datasets with blocks that leave an operator as they are, and as soon as they are."""
    with replaced(
        (plan_udf_map_op, "OutputBlockSizeOption", BlocksAsTheyAre),
        (plan_udf_map_op, "BatchMapTransformFn", per_block),
        (streaming_executor_state, "ray", FirstDone()),
        # The other thread tells the executor nothing, which finds out when it looks the next time.
        (metadata_fetcher, "_PREFETCH_ON_THREAD", False),
    ):
        yield


class BlocksAsTheyAre:
    """Stands for ``OutputBlockSizeOption`` where functions of users are planned."""

    @staticmethod
    def of(**_: Any) -> OutputBlockSizeOption:
        """No limits."""
        return OutputBlockSizeOption(disable_block_shaping=True)


def per_block(function: Any, **options: Any) -> BatchMapTransformFn:
    """Stands for ``BatchMapTransformFn`` there: blocks are not gathered until a batch is full."""
    return BatchMapTransformFn(function, **options | {"batch_size": None})


class FirstDone:
    """Stands for ``ray`` where the executor waits: for one task, not until all are done."""

    def __init__(self) -> None:
        self._looked = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(ray, name)

    def wait(
        self, waitables: list[Any], *, num_returns: int, timeout: float, **options: Any
    ) -> tuple[list[Any], list[Any]]:
        """All that are done as soon as one is. ``timeout`` is in seconds."""
        # A task whose output nobody may take yet is done at each look.
        time.sleep(max(0.0, self._looked + PAUSE - time.monotonic()))
        ray.wait(waitables, num_returns=1, timeout=timeout, **options)
        self._looked = time.monotonic()
        ready, rest = ray.wait(waitables, num_returns=num_returns, timeout=0, **options)
        return ready, rest
