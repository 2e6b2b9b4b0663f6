"""Chooses a strategy."""

import os
from typing import TYPE_CHECKING

from pipelinerun.execution.in_process import InProcessStrategy
from pipelinerun.execution.in_subprocess import SubprocessStrategy
from pipelinerun.execution.strategy import ProcessExecutionStrategy

if TYPE_CHECKING:
    from pipelinerun.api.job import PipelineJob
    from pipelinerun.execution.on_cluster import Cluster


def create_strategy(
    run_in_subprocess: bool, cluster: "Cluster | None" = None
) -> ProcessExecutionStrategy:
    """The strategy that runs pipelines on a cluster if one is given, in a child process or here."""
    if cluster is not None:
        from pipelinerun.execution.on_cluster import ClusterStrategy  # noqa: PLC0415 - loads Ray

        return ClusterStrategy(cluster)
    return SubprocessStrategy() if run_in_subprocess else InProcessStrategy()


def strategy_for(job: "PipelineJob", run_in_subprocess: bool) -> ProcessExecutionStrategy:
    """The strategy for a job, with the token for clusters from the environment."""
    if job.ray.address is None:
        return create_strategy(run_in_subprocess)
    from pipelinerun.execution.on_cluster import cluster_of, token_of  # noqa: PLC0415 - loads Ray

    return create_strategy(run_in_subprocess, cluster_of(job, token=token_of(os.environ)))
