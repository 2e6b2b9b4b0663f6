"""What a stage may ask for by a ``context`` keyword."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_LOGGERS = "pipeline"


def logger_of(stage: str) -> logging.Logger:
    """The logger of a stage.

    Its messages from INFO on go to the standard error, until the stage's code sets up logging.
    """
    logging.getLogger(_LOGGERS).setLevel(logging.INFO)
    if logging.lastResort is not None:
        logging.lastResort.setLevel(logging.INFO)
    return logging.getLogger(f"{_LOGGERS}.{stage}")


@dataclass(frozen=True)
class RunOutcome:
    """How a run has ended.

    Attributes:
        phase: Succeeded, Failed or Cancelled.
        reason: why, in one word.
        message: why, for people.
        exit_code: of the last attempt.
        elapsed_seconds: that the pipeline itself ran in the last attempt.
        attempt: number of the last attempt; 0 if none was started.
        failure_class: User, Config, OutOfMemory, Timeout, Infrastructure or Cancelled; None after
            success.
        stage: the stage that failed, where known.
        exception: type of its exception, where there was one.
    """

    phase: str
    reason: str
    message: str
    exit_code: int
    elapsed_seconds: float
    attempt: int
    failure_class: str | None = None
    stage: str | None = None
    exception: str | None = None


@dataclass(frozen=True)
class StageContext:
    """Who is running.

    Attributes:
        stage: name of the stage.
        name: name of the run.
        namespace: namespace of the run.
        uid: unique id of the run.
        attempt: number of the attempt, from 1.
        params: parameters of the run.
        logger: logger of the stage.
        outcome: how the run has ended, for finally stages; None for all others.
    """

    stage: str
    name: str
    namespace: str
    uid: str
    attempt: int
    params: dict[str, Any]
    logger: logging.Logger
    _stopping: Callable[[], bool] = field(repr=False)
    outcome: RunOutcome | None = None

    @property
    def stopping(self) -> bool:
        """Whether the run is to end, or is drained: a source should return soon."""
        return self._stopping()
