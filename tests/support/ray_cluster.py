"""A real Ray cluster: nodes as processes of their own on this machine, each with its raylet."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from pipelinerun.engine.packages import CACHE
from pipelinerun.execution.workspace import Workspace

_START_SECONDS = 180
_STORE = 100 * 1024 * 1024


class RayCluster:
    """A head, which runs the jobs' drivers, and nodes that run their stages.

    Attributes:
        address: of the dashboard.
    """

    def __init__(self, stack: ExitStack, head_cpus: int, token: str | None) -> None:
        self._stack = stack
        self._variables = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token} if token else {}
        self._variables = self._variables or {"RAY_AUTH_MODE": "disabled"}
        self._control, dashboard = _free_port(), _free_port()
        self.address = f"http://127.0.0.1:{dashboard}"
        self.head = self._workspace()
        self._start(
            self.head,
            *("--head", f"--port={self._control}", f"--num-cpus={head_cpus}"),
            *("--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"),
            f"--ray-client-server-port={_free_port()}",
        )

    def add_node(self, cpus: int = 1) -> Workspace:
        """Start a node; closing what is returned is its sudden death."""
        node = self._workspace()
        self._start(node, f"--address=127.0.0.1:{self._control}", f"--num-cpus={cpus}")
        return node

    def _workspace(self) -> Workspace:
        workspace = Workspace()
        self._stack.enter_context(closing(workspace))
        return workspace

    def _start(self, node: Workspace, *options: str) -> None:
        command = [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", "--disable-usage-stats"),
            *("--node-ip-address=127.0.0.1", f"--object-store-memory={_STORE}"),
            *("--min-worker-port=0", "--max-worker-port=0"),
            *(f"--dashboard-agent-listen-port={_free_port()}", "--log-style=record"),
            # Short: Unix sockets are put below it. Of its own: a node removes what its jobs need no
            # longer.
            f"--temp-dir={node.path}",
            *options,
        ]
        log = node.path / "start.log"  # not a pipe: the node's processes hold it open
        with log.open("wb") as out:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=_START_SECONDS,
                check=False,
                env={
                    **_environment(),
                    **self._variables,
                    **node.environment,
                    CACHE: str(node.path / "packages"),
                },
            )
        if done.returncode != 0:
            raise RuntimeError(f"a node of Ray did not start:\n{log.read_text()}")


@contextmanager
def ray_cluster(
    *, nodes: int = 0, head_cpus: int = 0, token: str | None = None
) -> Iterator[RayCluster]:
    """A cluster for the length of a block; nothing of it is left afterwards."""
    with ExitStack() as stack:
        cluster = RayCluster(stack, head_cpus, token)
        for _ in range(nodes):
            cluster.add_node()
        yield cluster


def _environment() -> Mapping[str, str]:
    """As a cluster's nodes have it: jobs are started with the first Python of the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return {**ours, "PATH": path}


def _free_port() -> int:
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return int(it.getsockname()[1])
