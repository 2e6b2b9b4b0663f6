"""The stream as actors and queues, written by hand: an actor a stage, bounded queues in between."""

import importlib
from collections.abc import Sequence
from typing import Any

import ray
from ray.util.queue import Queue

QUEUE_SIZE = 100
_END = None


class Stage:
    """Takes messages from a queue, and puts what becomes of them into the next."""

    def __init__(self, path: str, config: dict[str, Any]) -> None:
        module, _, name = path.partition(":")
        self._target = getattr(importlib.import_module(module), name)
        if isinstance(self._target, type):
            self._target, config = self._target(**config), {}
        self._config = config

    def yield_to(self, after: Queue) -> None:
        """Be a source."""
        for row in self._target(**self._config):
            after.put(row)
        after.put(_END)

    def work(self, before: Queue, after: Queue | None) -> None:
        """Be a stage or a sink, until the end comes."""
        while (row := before.get()) is not _END:
            result = self._target(row, **self._config)
            if after is not None:
                after.put(result)
        if after is not None:
            after.put(_END)


def run(stages: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Run a line of stages to its end."""
    remote = ray.remote(num_cpus=0)(Stage)
    actors = [remote.remote(path, config) for path, config in stages]
    queues = [Queue(QUEUE_SIZE) for _ in actors[1:]]
    source, *others = actors
    working = [source.yield_to.remote(queues[0])]
    for actor, before, after in zip(others, queues, [*queues[1:], None], strict=True):
        working.append(actor.work.remote(before, after))
    ray.get(working)
    for queue in queues:
        queue.shutdown()
