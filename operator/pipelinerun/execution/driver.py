"""Drives a pipeline in this process, whatever happens in it."""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from pipelinerun.execution.options import ProgressListener

if TYPE_CHECKING:  # loaded when Ray starts already
    from pipelinerun.api.job import PipelineJob
    from pipelinerun.api.status import Outcome

logger = logging.getLogger(__name__)


def drive(
    job: "PipelineJob",
    *,
    on_progress: ProgressListener | None,
    stopping: threading.Event,
    draining: threading.Event,
) -> "Outcome":
    """Run a pipeline on the Ray of this process; only KeyboardInterrupt passes through.

    A job with a verdict is that of finally stages, which need no Ray.
    """
    if job.verdict is not None:
        from pipelinerun.engine.finally_stages import run_finally  # noqa: PLC0415 - see above

        return run_finally(job, job.verdict, on_progress=on_progress, stopping=stopping)
    from pipelinerun.engine.run import run_pipeline  # noqa: PLC0415 - loads Ray

    try:
        return run_pipeline(job, on_progress=on_progress, stopping=stopping, draining=draining)
    except (Exception, SystemExit) as error:
        from pipelinerun.execution.outcomes import of_exception  # noqa: PLC0415 - see above

        logger.exception("The pipeline raised")
        return of_exception(error)


def within(surroundings: AbstractContextManager[object], run: "Callable[[], Outcome]") -> "Outcome":
    """Run inside something that has to be up, Ray for example.

    When it does not come up the outcome is exit code 125; when it does not go down in order the
    outcome stays what it was.
    """
    outcome: Outcome | None = None
    try:
        with surroundings:
            outcome = run()
    except (Exception, SystemExit) as error:
        if outcome is None:
            from pipelinerun.execution.outcomes import cannot_start  # noqa: PLC0415 - see above

            return cannot_start(f"the pipeline's runtime did not start: {error}", error)
        logger.exception("The pipeline's runtime did not end in order")
    return outcome
