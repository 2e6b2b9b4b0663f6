"""Which runs an operator carries out: while it leads, those of its namespaces."""

from collections.abc import Callable

from pipelinerun.controller.cache import RunCache
from pipelinerun.controller.leadership import Leadership
from pipelinerun.controller.queue import WorkQueue
from pipelinerun.controller.runs import Body, RunKey


class Duty:
    """Makes work of what is seen. Without a duty, what nobody needs is forgotten at once."""

    def __init__(
        self,
        leadership: Leadership,
        cache: RunCache,
        queue: WorkQueue[RunKey],
        *,
        everywhere: bool,
        forget: Callable[[RunKey], None],
    ) -> None:
        """Begin with what is there.

        Args:
            leadership: whether this operator leads.
            cache: the runs.
            queue: where work goes.
            everywhere: whether all namespaces are its own; else those that ``see`` shows.
            forget: drops what is known of a run's pods, and touches none of them.
        """
        self._leadership, self._cache, self._queue = leadership, cache, queue
        self._everywhere, self._forget = everywhere, forget
        self._namespaces: dict[str, str] = {}
        self._begun = self._complete = False

    def covers(self, namespace: str) -> bool:
        """Whether runs of a namespace are its own."""
        return self._everywhere or namespace in self._namespaces

    def check(self) -> None:
        """See ``Leadership.check``."""
        self._leadership.check()

    def begin(self) -> None:
        """Make work of what is seen, from now on: this operator leads."""
        self._begun = True
        self.announce_all()

    def complete(self) -> None:
        """All runs have been listed: one that is not there is gone."""
        self._complete = True

    def announce(self, key: RunKey) -> None:
        """Something new is known of a run."""
        run = self._cache.get(key)
        if not self.covers(key[0]):
            self._forget(key)
        elif run is None and not self._complete:
            return  # its listing announces it; what runs of it must not be forgotten
        elif self._begun:
            self._queue.add(key)
        elif run is None or run.finished:
            self._forget(key)

    def announce_all(self) -> None:
        """Something new is known that concerns all runs; those that are not finished come first."""
        for key in self._cache.in_order():
            self.announce(key)

    def see(self, event: str | None, body: Body) -> None:
        """Take in what the watch shows of the namespaces that are its own."""
        metadata = body["metadata"]
        name, uid = metadata["name"], metadata["uid"]
        if event == "DELETED":
            self.deleted(uid, ("", name))
        elif self._namespaces.get(name) != uid:
            self._namespaces[name] = uid
            self._announce_namespace(name)

    def deleted(self, uid: str, key: RunKey) -> None:
        """A namespace is gone, or is another operator's now."""
        name = key[1]
        if self._namespaces.get(name) == uid:
            del self._namespaces[name]
            self._announce_namespace(name)

    def _announce_namespace(self, name: str) -> None:
        for key in self._cache.in_order():
            if key[0] == name:
                self.announce(key)
