"""The command line as a user has it: a process of its own, with a kubeconfig and pipes."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import binaries
from tests.cluster.controlplane import ControlPlane

_SCRIPTS = Path(sys.executable).parent


class CommandLine:
    """``pipelinerun`` on a control plane."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def run(
        self,
        *arguments: str,
        user: str = "admin",
        program: str = "pipelinerun",
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run it, or another of its programs, whatever comes of it."""
        return subprocess.run(
            [str(_SCRIPTS / program), *arguments],
            env={**self._environment(user), **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run it beside the block; it has ended when the block has."""
        with subprocess.Popen(
            [str(_SCRIPTS / "pipelinerun"), *arguments],
            env=self._environment("admin"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
                process.wait(120)
            finally:
                process.kill()

    def shell(self, script: str) -> str:
        """What bash prints, with the programs and kubectl on its path."""
        kubectl = binaries.provide().kubectl.parent
        path = os.pathsep.join([str(_SCRIPTS), str(kubectl), os.environ["PATH"]])
        done = subprocess.run(
            ["bash", "-c", script],
            env={**self._environment("admin"), "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def says(self, *arguments: str) -> str:
        """What it prints where it succeeds and has nothing to complain about."""
        done = self.run(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.rstrip("\n")

    def complains(self, *arguments: str, user: str = "admin", code: int = 1) -> str:
        """What it says where it fails."""
        done = self.run(*arguments, user=user)
        assert (done.returncode, done.stdout) == (code, "")
        return done.stderr

    def _environment(self, user: str) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self._plane.kubeconfig_for(user))}
