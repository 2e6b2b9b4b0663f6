"""What a stage may ask for by a ``context`` keyword."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


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
    """

    stage: str
    name: str
    namespace: str
    uid: str
    attempt: int
    params: dict[str, Any]
    logger: logging.Logger
    _stopping: Callable[[], bool] = field(repr=False)

    @property
    def stopping(self) -> bool:
        """Whether the run is to end, or is drained: a source should return soon."""
        return self._stopping()
