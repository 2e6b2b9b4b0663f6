"""Errors of the engine."""


class StageError(RuntimeError):
    """A stage failed. Small and picklable: what happened is told to the driver separately."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage

    def __str__(self) -> str:
        return f"stage {self.stage} failed"


class StoppedError(RuntimeError):
    """The run is to end; the stage did not go on."""


class LoadError(Exception):
    """Stage code cannot be loaded or called as the definition says."""
