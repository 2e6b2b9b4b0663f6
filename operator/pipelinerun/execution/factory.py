"""Chooses a strategy."""

from pipelinerun.execution.in_process import InProcessStrategy
from pipelinerun.execution.in_subprocess import SubprocessStrategy
from pipelinerun.execution.strategy import ProcessExecutionStrategy


def create_strategy(run_in_subprocess: bool) -> ProcessExecutionStrategy:
    """The strategy that runs pipelines in a child process or in this one."""
    return SubprocessStrategy() if run_in_subprocess else InProcessStrategy()
