"""The cache: the last known state of every run, fed by the watch and by our own writes."""

from collections.abc import Iterator

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

    def unfinished(self) -> list[RunKey]:
        """Keys of all runs that are not finished."""
        return [key for key, run in self._runs.items() if not run.finished]

    def phases(self) -> Iterator[str]:
        """The phase of each run; one that has none yet is pending."""
        return (run.status.phase or "Pending" for run in self._runs.values())

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
