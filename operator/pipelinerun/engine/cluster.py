"""The Ray cluster that a driver was submitted to as a job."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pipelinerun.engine.environment import OUTPUT_ENVIRONMENT

_LAST_LINES_SECONDS = 1.5
"""Ray passes on what is printed on other nodes now and then, and forgets the rest at the end."""


@contextmanager
def cluster_ray() -> Iterator[None]:
    """The cluster that this process is a driver of, until the block ends."""
    os.environ.update(OUTPUT_ENVIRONMENT)
    import ray  # noqa: PLC0415 - reads the environment when it is loaded

    # Its warning that SIGTERM has no handler outside the main thread: that is as we want it.
    logging.getLogger("ray._private.worker").setLevel(logging.ERROR)
    # Address and environment of the processes come by variables of the job's.
    ray.init(logging_level="WARNING")
    try:
        yield
    finally:
        time.sleep(_LAST_LINES_SECONDS)
        ray.shutdown()
