"""Results of executions."""

import pytest

from pipelinerun.api.status import Failure, Outcome
from pipelinerun.execution.factory import create_strategy
from pipelinerun.execution.handle import ExecutionHandle
from pipelinerun.execution.in_process import InProcessStrategy
from pipelinerun.execution.in_subprocess import SubprocessStrategy
from pipelinerun.execution.result import ExecutionResult, PipelineFailedError


class Handle(ExecutionHandle):
    """Does nothing."""

    outcome = None

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def drain(self) -> None: ...

    def wait(self, timeout: float | None = None) -> None: ...


def test_the_return_value_is_the_time_else_the_handle() -> None:
    handle = Handle()
    assert ExecutionResult(interface=handle, elapsed_time=0.0).get_return_value() == 0.0
    assert ExecutionResult(interface=handle).get_return_value() is handle
    with pytest.raises(RuntimeError, match="neither"):
        ExecutionResult().get_return_value()


def test_a_failed_outcome_becomes_an_error_that_names_code_and_reason() -> None:
    failure = Failure(class_="User", message="boom")
    with pytest.raises(PipelineFailedError, match=r"^Pipeline failed with exit code 1: boom$"):
        ExecutionResult.of(Outcome(exit_code=1, failure=failure))
    with pytest.raises(PipelineFailedError, match=r"^Pipeline failed with exit code 9$"):
        ExecutionResult.of(Outcome(exit_code=9))


def test_the_factory_picks_the_strategy() -> None:
    assert isinstance(create_strategy(run_in_subprocess=True), SubprocessStrategy)
    assert isinstance(create_strategy(run_in_subprocess=False), InProcessStrategy)
