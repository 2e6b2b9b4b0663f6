"""Ray as somebody without the product uses it."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ray.data import DataContext

from pipelinerun.engine.session import local_ray


@contextmanager
def plain_ray() -> Iterator[Path]:
    """A Ray of this process, as quiet as ours is; gives a folder for results."""
    with tempfile.TemporaryDirectory(prefix="prun-") as folder, local_ray(Path(folder)):
        context = DataContext.get_current()
        context.enable_progress_bars = context.enable_operator_progress_bars = False
        for name in ("ray.data", "ray.data._internal.progress"):
            logging.getLogger(name).setLevel(logging.WARNING)
        yield Path(folder)
