"""What a Ray for a single run does without, and who may talk to it.

With ``low_latency``, ``capacity`` and ``job_client`` one of the few files that reach into Ray's
private parts.

Ray has no setting for any of this. The processes serve a dashboard and an autoscaler, and there is
neither here; the actors keep statistics for that dashboard, and share out a cluster between the
Datasets of several drivers. Each costs about a second of CPU before the first row, and memory.
"""

import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray import _raylet
from ray._private import services, utils
from ray._private.node import Node

SERVICES = ("start_monitor", "start_log_monitor", "start_api_server")
"""Methods of Ray's ``Node`` that start the autoscaler's monitor, the log monitor, the dashboard."""
AGENTS = ("--dashboard_agent_command=", "--runtime_env_agent_command=")
"""Options of a raylet with the commands of the two processes that it starts for itself."""
AGENT_DELAY = 10.0
"""Seconds before the agent starts that prepares environments for tasks that ask for one."""
WORKERS = "--num_prestart_python_workers="
"""Option of a raylet with the number of processes for tasks that it starts at once."""

_PORTS = ("metrics_agent_port", "dashboard_agent_listen_port", "metrics_export_port")
_ENVIRONMENTS_PORT = "runtime_env_agent_port"
_PORT_RANGE = range(20000, 32768)
"""Below those that a kernel hands out by itself: nobody takes one before the agent does."""
_PAUSE = "import signal; signal.pause()"
_WAIT_AND_EXEC = "import os, sys, time; time.sleep({delay}); os.execv(sys.argv[1], sys.argv[1:])"
_start_process = services.start_ray_process


@contextmanager
def no_services() -> Iterator[None]:
    """Start Ray without the processes that only a dashboard or an autoscaler needs."""
    with replaced(
        *((Node, name, _nothing) for name in SERVICES),
        (services, "start_ray_process", _start_alone),
        # It loads what a dashboard needs, only to see whether it is there.
        (utils, "get_dashboard_dependency_error", _nothing),
    ):
        yield


@contextmanager
def no_log_monitor() -> Iterator[None]:
    """Start Ray without the process that passes on logs: it takes them away from who reads them.

    And without what a dashboard needs, whether that is installed or not.
    """
    with replaced(
        (Node, "start_log_monitor", _nothing),
        (utils, "get_dashboard_dependency_error", lambda: ImportError("there is no dashboard")),
    ):
        yield


def _start_alone(command: Sequence[str], *arguments: Any, **options: Any) -> Any:
    if any(word.startswith(AGENTS) for word in command):
        command = with_fewer_workers(without_agents(command))
    return _start_process(command, *arguments, **options)


def without_agents(command: Sequence[str]) -> list[str]:
    """The command of a raylet that does not wait for its agents, two programs in Python.

    A raylet waits until both have told their ports, each in a file. Here the files are there
    before. Nothing asks the dashboard's agent anything; the other one starts later.
    """
    values = dict(word.split("=", 1) for word in command if word.startswith("--") and "=" in word)
    ports = dict(zip((*_PORTS, _ENVIRONMENTS_PORT), _free_ports(), strict=False))
    for name, port in ports.items():
        Path(values["--session_dir"], f"{name}_{values['--node_id']}").write_text(str(port))
    dashboard, environments = AGENTS
    agent = values[environments.rstrip("=")].replace(
        "--runtime-env-agent-port=0", f"--runtime-env-agent-port={ports[_ENVIRONMENTS_PORT]}"
    )
    later = f"{_python(_WAIT_AND_EXEC.format(delay=AGENT_DELAY))} {agent}"
    commands = {dashboard: _python(_PAUSE), environments: later}
    return [
        next((name + it for name, it in commands.items() if word.startswith(name)), word)
        for word in command
    ]


def with_fewer_workers(command: Sequence[str]) -> list[str]:
    """The command of a raylet that starts a process for every second CPU, the others when needed.

    Each loads Ray Data before it takes a task, for a second of CPU. The driver does so too
    meanwhile, and it is the driver that the first row waits for.
    """
    return [
        f"{WORKERS}{(int(word.removeprefix(WORKERS)) + 1) // 2}"
        if word.startswith(WORKERS)
        else word
        for word in command
    ]


def _python(code: str) -> str:
    return subprocess.list2cmdline([sys.executable, "-I", "-S", "-c", code])


def _free_ports() -> Iterator[int]:
    for port in random.sample(_PORT_RANGE, len(_PORT_RANGE)):
        with socket.socket() as it:
            if it.connect_ex(("127.0.0.1", port)) != 0:
                yield port


@contextmanager
def no_actors() -> Iterator[None]:
    """Run Datasets without the actors that Ray Data has for itself."""
    from ray.data._internal import stats  # noqa: PLC0415 - loading it takes seconds
    from ray.data._internal.cluster_autoscaler import (  # noqa: PLC0415
        rate_based_cluster_autoscaler as autoscaler,
    )
    from ray.data._internal.execution.operators import (  # noqa: PLC0415
        actor_pool_map_operator as actor_pool,
    )

    with replaced(
        (actor_pool, "get_or_create_actor_location_tracker", Nobody),
        (actor_pool, "get_actor_locations", _all_here),
        (stats, "get_or_create_stats_actor", Nobody),
        (autoscaler, "DefaultAutoscalingCoordinator", WholeCluster),
    ):
        yield


class Nobody:
    """An actor whose methods do nothing when called with ``.remote()``."""

    def __getattr__(self, name: str) -> "Nobody":
        if name.startswith("__"):  # whoever pickles it asks for what it does not have
            raise AttributeError(name)
        return self

    def remote(self, *_args: Any, **_options: Any) -> None:
        """Nothing."""


def _all_here(actors: Sequence[str]) -> dict[str, str]:
    return dict.fromkeys(actors, ray.get_runtime_context().get_node_id())


class WholeCluster:
    """Gives the one Dataset that there is all that there is, as the coordinator would."""

    def __init__(self, *_args: Any, **_options: Any) -> None:
        self._nodes: Mapping[str, Mapping[str, float]] = {
            node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]
        }

    def request_resources(self, *_args: Any, **_options: Any) -> None:
        """There is no more to be had."""

    def cancel_request(self) -> None:
        """There is nothing to give back."""

    def get_reserved_resources(self) -> Mapping[str, Mapping[str, float]]:
        """Resources by node."""
        return self._nodes


def read_authentication() -> None:
    """Let Ray read anew from the environment how processes prove who they are.

    It does so by itself only when it is loaded.
    """
    raylet: Any = _raylet  # Cython's, of which type checkers see nothing
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def replaced(*replacements: tuple[object, str, object]) -> Iterator[None]:
    """Put other things into the place of attributes, for the length of a ``with`` block."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replacements]
    for owner, name, value in replacements:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def _nothing(*_args: Any, **_options: Any) -> None:
    pass
