"""When a gateway ends by itself."""

import threading

from pipelinerun.controller import clock
from pipelinerun.controller.inprocess.fence import Fence

SOON = 0.05
LATE = 60.0


def test_nothing_ends_before_anything_runs_nor_while_the_operator_leads() -> None:
    ended = threading.Event()
    fence = Fence(ended.set)
    fence.extend(clock.now() - 1)
    assert not ended.wait(SOON)
    fence.extend(clock.now() + LATE)
    fence.guard()
    assert not ended.wait(SOON)
    fence.extend(clock.now() + SOON)
    assert ended.wait(LATE)


def test_without_elections_nothing_ends() -> None:
    ended = threading.Event()
    fence = Fence(ended.set)
    fence.guard()
    fence.extend(clock.now() + LATE)
    fence.extend(None)
    assert not ended.wait(SOON)
