"""Which runs an operator makes work of, and what it forgets."""

import asyncio

from pipelinerun.api.status import Phase
from pipelinerun.controller.cache import RunCache
from pipelinerun.controller.duty import Duty
from pipelinerun.controller.history import History, HistoryLimits
from pipelinerun.controller.leadership import Leadership
from pipelinerun.controller.priorities import Priority
from pipelinerun.controller.queue import WorkQueue
from pipelinerun.controller.runs import Run, RunKey, read_run

KEY: RunKey = ("default", "text")


def run(phase: Phase) -> Run:
    metadata = {
        "namespace": KEY[0],
        "name": KEY[1],
        "uid": "uid",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": "2026-01-31T12:00:00Z",
    }
    return read_run({"metadata": metadata, "spec": {}, "status": {"phase": phase}})


class Operator:
    """A duty with what it makes work of and what it forgets."""

    def __init__(self) -> None:
        self.forgotten: list[RunKey] = []
        self.queue: WorkQueue[RunKey] = WorkQueue(lambda _: Priority.WORK)
        self.cache = RunCache(History(HistoryLimits(), lambda _: None))
        self.duty = Duty(
            Leadership(elected=True),
            self.cache,
            self.queue,
            everywhere=True,
            forget=self.forgotten.append,
        )

    @property
    def known(self) -> tuple[list[RunKey], int]:
        """What was forgotten, and how much work there is."""
        return self.forgotten, len(self.queue)


def test_what_runs_is_not_forgotten_before_its_run_is_listed() -> None:
    operator = Operator()
    operator.duty.announce(KEY)
    assert operator.known == ([], 0)
    operator.duty.complete()
    operator.duty.announce(KEY)
    assert operator.known == ([KEY], 0)


def test_there_is_no_work_while_another_one_leads() -> None:
    operator = Operator()
    operator.cache.put(run("Running"))
    operator.duty.announce(KEY)
    assert operator.known == ([], 0)

    async def begin() -> None:
        operator.duty.begin()

    asyncio.run(begin())
    assert operator.known == ([], 1)


def test_one_that_stands_by_keeps_no_pods_of_finished_runs() -> None:
    operator = Operator()
    operator.cache.put(run("Succeeded"))
    operator.duty.announce(KEY)
    assert operator.known == ([KEY], 0)
