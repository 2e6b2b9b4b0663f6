"""The command line as a user has it: a process of its own, with a kubeconfig and pipes."""

import os
import subprocess
import sys
from collections.abc import Mapping

from tests.cluster.controlplane import ControlPlane


class CommandLine:
    """``pipelinerun`` on a control plane."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def run(
        self,
        *arguments: str,
        user: str = "admin",
        stdin: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run it, whatever comes of it."""
        kubeconfig = {"KUBECONFIG": str(self._plane.kubeconfig_for(user))}
        return subprocess.run(
            [sys.executable, "-m", "pipelinerun", *arguments],
            env={**os.environ, **kubeconfig, **(environment or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def says(self, *arguments: str, user: str = "admin", stdin: str = "") -> str:
        """What it prints where it succeeds and has nothing to complain about."""
        done = self.run(*arguments, user=user, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.rstrip("\n")

    def complains(self, *arguments: str, user: str = "admin", code: int = 1) -> str:
        """What it says where it fails."""
        done = self.run(*arguments, user=user)
        assert (done.returncode, done.stdout) == (code, "")
        return done.stderr
