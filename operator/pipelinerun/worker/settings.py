"""What a worker is started with."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WorkerSettings:
    """Settings of one worker.

    Attributes:
        job: file with the packed job.
        termination_message: file for the last words; None for none.
        port: where progress and metrics are served; 0 takes any.
        grace: seconds that the pipeline gets after SIGTERM before it is killed.
        mark_stages: whether each line that a stage prints goes out behind the stage's name.
    """

    job: Path
    termination_message: Path | None = None
    port: int = 0
    grace: float = 25.0
    mark_stages: bool = False
