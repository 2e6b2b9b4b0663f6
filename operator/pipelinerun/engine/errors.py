"""Errors of the engine."""

from pipelinerun.api.status import Failure


class StageError(RuntimeError):
    """A stage failed. Small and picklable: what happened is told to the driver separately."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage

    def __str__(self) -> str:
        return f"stage {self.stage} failed"


class StoppedError(RuntimeError):
    """The run is to end; the stage did not go on."""


class PackagesError(Exception):
    """The packages that a run asks for cannot be had.

    Attributes:
        field: that asks for them, seen from the spec.
        transient: perhaps they can be had later.
    """

    def __init__(self, message: str, *, field: str, transient: bool = False) -> None:
        super().__init__(message)
        self.field, self.transient = field, transient


class RepositoryError(PackagesError):
    """The code that a run has in a repository cannot be had."""

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message, field="code.git", transient=transient)


class SupplyError(Exception):
    """What a run needs besides the image cannot be had: it has failed before anything ran."""

    def __init__(self, failure: Failure, exit_code: int) -> None:
        super().__init__(failure.message)
        self.failure, self.exit_code = failure, exit_code


class LoadError(Exception):
    """Stage code cannot be loaded or called as the definition says."""
