"""The cache: the last known state of every run, fed by the watch and by our own writes."""

from collections.abc import Iterable

from pipelinerun.controller.history import History
from pipelinerun.controller.runs import Run, RunKey


class RunCache:
    """Runs by key. Older versions never replace newer ones."""

    def __init__(self, history: History) -> None:
        self._runs: dict[RunKey, Run] = {}
        self._history = history

    def __len__(self) -> int:
        return len(self._runs)

    def get(self, key: RunKey) -> Run | None:
        """The run, if it exists."""
        return self._runs.get(key)

    def surplus(self, key: RunKey) -> bool:
        """Whether a run is finished and more than the history holds."""
        return self._history.surplus(key)

    def in_order(self) -> list[RunKey]:
        """Keys of all runs, those that are finished last."""
        return sorted(self._runs, key=lambda key: self._runs[key].finished)

    def runs(self) -> Iterable[Run]:
        """All runs."""
        return self._runs.values()

    def put(self, run: Run) -> None:
        """Store a run unless a newer version of the same object is known."""
        known = self._runs.get(run.key)
        if known is None or known.uid != run.uid or _version(known) <= _version(run):
            self._runs[run.key] = run
            self._history.put(run)

    def remove(self, uid: str, key: RunKey) -> None:
        """Forget a deleted run, unless another one has taken its name since."""
        known = self._runs.get(key)
        if known is not None and known.uid == uid:
            del self._runs[key]
            self._history.remove(key)


def _version(run: Run) -> int:
    return int(run.resource_version)
