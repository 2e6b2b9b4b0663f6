"""Which runs an operator carries out: once it has begun, those of its namespaces."""

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
        self._begun = False

    def covers(self, namespace: str) -> bool:
        """Whether runs of a namespace are its own."""
        return self._everywhere or namespace in self._namespaces

    def check(self) -> None:
        """See ``Leadership.check``."""
        self._leadership.check()

    def begin(self) -> None:
        """Make work of everything from now on: this operator leads, and knows what there is."""
        self._begun = True
        self.announce_all()

    def announce(self, key: RunKey) -> None:
        """Something new is known of a run."""
        covered = self.covers(key[0])
        if covered and self._begun:
            self._queue.add(key)
            return
        run = self._cache.get(key)
        # One that is not there may not be listed yet: what runs of it must not be forgotten.
        if not covered or (run is not None and run.finished):
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
