"""Helm, on the chart of this repository."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.binaries import provide_helm
from tests.cluster.controlplane import ControlPlane

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "pipelinerun-operator"
RELEASE = "pipelinerun-operator"
"""As the documentation names it; what is installed has the same name then."""
SYSTEM = "pipelinerun-system"

Values = Mapping[str, Any]


class HelmError(RuntimeError):
    """Helm failed; the message is what it said."""


class Helm:
    """Installs the chart on a cluster, or renders it."""

    def __init__(self, plane: ControlPlane) -> None:
        self._kubeconfig = str(plane.kubeconfig)

    def lint(self, values: Values) -> None:
        """Lint the chart with some values, strictly."""
        self._run("lint", "--strict", str(CHART), values=values)

    def render(self, values: Values, *options: str) -> list[dict[str, Any]]:
        """The objects of a release, hooks included."""
        text = self._run(
            *("template", RELEASE, str(CHART), "--kube-version", "1.35", *options), values=values
        )
        return [it for it in yaml.safe_load_all(text) if it]

    def install(self, values: Values, *options: str) -> str:
        """Install a release, or upgrade the one that there is; returns the notes."""
        return self._run("upgrade", "--install", RELEASE, str(CHART), *options, values=values)

    def test(self) -> str:
        """Run the release's tests; returns what they say."""
        return self._run("test", RELEASE, "--logs", "--timeout", "5m")

    def uninstall(self, *options: str) -> None:
        """Uninstall the release."""
        self._run("uninstall", RELEASE, *options)

    def _run(self, *arguments: str, values: Values | None = None) -> str:
        helm = [str(provide_helm()), "--kubeconfig", self._kubeconfig, "--namespace", SYSTEM]
        given = ["--values", "-"] if values is not None else []
        done = subprocess.run(
            [*helm, *arguments, *given],
            input=json.dumps(values),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise HelmError(f"helm {arguments[0]}: {done.stdout}{done.stderr}")
        return done.stdout
