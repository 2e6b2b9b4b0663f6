"""Which runs an operator makes work of, and what it forgets."""

from pipelinerun.controller.cache import RunCache
from pipelinerun.controller.duty import Duty
from pipelinerun.controller.history import History, HistoryLimits
from pipelinerun.controller.leadership import Leadership
from pipelinerun.controller.priorities import Priority
from pipelinerun.controller.queue import WorkQueue
from pipelinerun.controller.runs import RunKey

KEY: RunKey = ("default", "text")


def test_what_runs_is_not_forgotten_before_its_run_is_listed_and_a_lease_is_held() -> None:
    forgotten: list[RunKey] = []
    queue: WorkQueue[RunKey] = WorkQueue(lambda _: Priority.WORK)
    cache = RunCache(History(HistoryLimits(), lambda _: None))
    leadership = Leadership(elected=True)
    duty = Duty(leadership, cache, queue, everywhere=True, forget=forgotten.append)
    duty.announce(KEY)
    assert (forgotten, len(queue)) == ([], 0)
