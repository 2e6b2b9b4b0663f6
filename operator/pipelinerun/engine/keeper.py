"""The keeper: has stages' rows written to their checkpoints, and reads them from there."""

import threading
from collections.abc import Callable

from ray.data import Dataset

from pipelinerun.api.definition import Stage
from pipelinerun.api.job import RunIdentity
from pipelinerun.engine.course import Course
from pipelinerun.engine.start import Checkpoints, Start


class Keeper:
    """Keeps rows for one attempt."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        run: RunIdentity,
        *,
        rows_of: Callable[[str], int],
        draining: threading.Event,
    ) -> None:
        """Prepare a keeper.

        Args:
            checkpoints: of the stages that have one.
            run: the attempt.
            rows_of: how many rows a stage has put out so far.
            draining: set once the sources have been told to end.
        """
        self._checkpoints = checkpoints
        self._run = run
        self._rows_of = rows_of
        self._draining = draining

    def start(self, start: Start, course: Course) -> Dataset:
        """The rows to start with, instead of running the stages that are skipped."""
        course.skipped.update(start.skipped)
        *_, last = start.skipped
        course.current = last
        course.kept[last] = start.marker.rows
        return self._checkpoints[last].rows(start.marker)

    def keep(self, stage: Stage, dataset: Dataset, course: Course, *, one_task: bool) -> Dataset:
        """A dataset with the same rows; where the stage has a checkpoint, they are in it by then.

        The rows of a drained run are passed on, but are no checkpoint: some may be missing.
        ``one_task``: see ``Checkpoint.write``.
        """
        if stage.name not in self._checkpoints:
            return dataset
        course.current = stage.name
        checkpoint = self._checkpoints[stage.name]
        written = checkpoint.write(dataset, one_task=one_task)
        if not self._draining.is_set():
            rows = self._rows_of(stage.name)
            checkpoint.commit(written, rows=rows, run=self._run)
            course.kept[stage.name] = rows
        return checkpoint.rows(written)
