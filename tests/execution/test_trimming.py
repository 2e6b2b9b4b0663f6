"""A Ray for a single run starts nothing that nobody needs. Fails when Ray has changed inside."""

import inspect
import json
import subprocess
import sys

import pytest
import ray
from ray._private import services, utils
from ray._private.node import Node
from ray.data._internal import stats
from ray.data._internal.cluster_autoscaler import rate_based_cluster_autoscaler
from ray.data._internal.execution import metadata_fetcher, streaming_executor_state
from ray.data._internal.planner import plan_udf_map_op

from pipelinerun.engine.low_latency import BlocksAsTheyAre, FirstDone, low_latency
from pipelinerun.engine.trimming import AGENTS, SERVICES, WORKERS, WholeCluster, with_fewer_workers

LOOK = """
import json, psutil, ray
from pipelinerun.engine.session import local_ray
from pipelinerun.execution.workspace import Workspace

with Workspace() as workspace, local_ray(workspace.path):
    import ray.data
    rows = ray.data.range(5).map(lambda row: {"id": row["id"] + 1}).take_all()
    commands = [" ".join(it.cmdline()) for it in psutil.Process().children(recursive=True)]
    print(json.dumps({"rows": [row["id"] for row in rows], "commands": commands}))
"""


def test_the_private_parts_are_where_they_were() -> None:
    for name in SERVICES:
        assert callable(getattr(Node, name))
    source = inspect.getsource(services.start_raylet)
    for option in (*AGENTS, WORKERS):
        assert option in source
    assert "start_ray_process(" in source
    assert "utils.get_dashboard_dependency_error()" in source
    assert callable(utils.get_dashboard_dependency_error)
    assert "--runtime-env-agent-port={" in source
    assert callable(stats.get_or_create_stats_actor)
    coordinator = rate_based_cluster_autoscaler.AutoscalingCoordinator
    needed: frozenset[str] = coordinator.__abstractmethods__
    assert needed <= set(dir(WholeCluster))
    assert rate_based_cluster_autoscaler.DefaultAutoscalingCoordinator


def test_what_makes_streams_quick_is_where_it_was_and_is_put_back() -> None:
    planned = inspect.getsource(plan_udf_map_op.plan_udf_map_op)
    assert "OutputBlockSizeOption.of(" in planned
    assert "output_block_size_option=output_block_size_option" in planned
    assert "BatchMapTransformFn(" in planned
    assert "batch_size=op.batch_size" in planned
    waiting = inspect.getsource(streaming_executor_state.process_completed_tasks)
    for part in ("ray.wait(", "num_returns=", "timeout=WAIT_FOR_TASK_COMPLETION_TIMEOUT_S"):
        assert part in waiting
    assert "if _PREFETCH_ON_THREAD" in inspect.getsource(metadata_fetcher.make_metadata_fetcher)
    before = plan_udf_map_op.OutputBlockSizeOption
    with low_latency():
        assert plan_udf_map_op.OutputBlockSizeOption is BlocksAsTheyAre
        assert isinstance(vars(streaming_executor_state)["ray"], FirstDone)
    assert plan_udf_map_op.OutputBlockSizeOption is before
    assert vars(streaming_executor_state)["ray"] is ray
    assert metadata_fetcher._PREFETCH_ON_THREAD


@pytest.mark.parametrize(("cpus", "workers"), [(1, 1), (2, 1), (3, 2), (64, 32)])
def test_every_second_cpu_has_a_process_from_the_start(cpus: int, workers: int) -> None:
    assert with_fewer_workers(["raylet", f"{WORKERS}{cpus}"]) == ["raylet", f"{WORKERS}{workers}"]


def test_a_ray_for_one_run_has_no_process_that_serves_nobody() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert sorted(found["rows"]) == [1, 2, 3, 4, 5]
    commands = " ".join(found["commands"])
    assert "raylet" in commands
    for name in ("monitor.py", "dashboard.py", "dashboard/agent.py", "StatsActor", "Autoscaling"):
        assert name not in commands, found["commands"]
    assert "statistics" not in done.stderr


ENVIRONMENT = """
import os, ray
from pipelinerun.engine.session import local_ray
from pipelinerun.execution.workspace import Workspace

@ray.remote(runtime_env={"env_vars": {"COLOUR": "blue"}})
def colour():
    return os.environ["COLOUR"]

with Workspace() as workspace, local_ray(workspace.path):
    print(ray.get(colour.remote()))
"""


def test_a_task_may_still_ask_for_an_environment_of_its_own() -> None:
    command = [sys.executable, "-c", ENVIRONMENT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "blue"
