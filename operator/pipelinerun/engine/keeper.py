"""The keeper: has stages' rows written to their checkpoints, and reads them from there."""

import threading
from collections.abc import Callable

from ray.data import Dataset

from pipelinerun.api.job import RunIdentity
from pipelinerun.api.stage import Stage
from pipelinerun.engine.checkpoint import Marker, Written
from pipelinerun.engine.course import Course
from pipelinerun.engine.start import Checkpoints, Start


class Keeper:
    """Keeps rows for one attempt."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        run: RunIdentity,
        *,
        start: Start,
        rows_of: Callable[[str], int],
        draining: threading.Event,
    ) -> None:
        """Prepare a keeper.

        Args:
            checkpoints: of the stages that have one.
            run: the attempt.
            start: where it starts.
            rows_of: how many rows a stage has put out so far.
            draining: set once the sources have been told to end.
        """
        self._checkpoints = checkpoints
        self._there: dict[str, Marker | Written] = dict(start.markers)
        self._run = run
        self._rows_of = rows_of
        self._draining = draining

    def rows(self, stage: Stage, course: Course) -> Dataset:
        """The rows of a stage that are in its checkpoint."""
        course.current = stage.name
        return self._checkpoints[stage.name].rows(self._there[stage.name])

    def keep(self, stage: Stage, dataset: Dataset, course: Course, *, one_task: bool) -> None:
        """Run a dataset to its end, and have its rows in the checkpoint of the stage.

        The rows of a drained run are passed on, but are no checkpoint: some may be missing.
        ``one_task``: see ``Checkpoint.write``.
        """
        course.current = stage.name
        checkpoint = self._checkpoints[stage.name]
        written = checkpoint.write(dataset, one_task=one_task)
        if not self._draining.is_set():
            rows = self._rows_of(stage.name)
            checkpoint.commit(written, rows=rows, run=self._run)
            course.kept[stage.name] = rows
        self._there[stage.name] = written
