"""A control plane, an operator on it and a client, for the length of a block."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config, watch

from pipelinerun.api.names import GROUP, VERSION
from tests.cluster.controlplane import ControlPlane
from tests.support.operator import OperatorProcess, running_operator
from tests.support.runs import Runs

NAMESPACE = "default"
PLURAL = "pipelineruns"
ROOT = Path(__file__).resolve().parent.parent
OPERATOR = "pipelinerun-operator"
_RBAC = ROOT / "tests" / "apiserver" / "rbac.yaml"


@dataclass(frozen=True)
class Bench:
    """What is measured.

    Attributes:
        operator: its process.
        runs: what the tests use to look at runs.
        api: client of the custom resources.
    """

    operator: OperatorProcess
    runs: Runs
    api: client.CustomObjectsApi

    def create(self, run: dict[str, Any]) -> None:
        """Create a run."""
        self.api.create_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL, run)

    def finished(self) -> Iterator[dict[str, Any]]:
        """Runs once each when they are seen to be finished, for ever."""
        seen: set[str] = set()
        for event in _watch(self.api):
            run = event["object"]
            name = run["metadata"]["name"]
            if "exitCode" in run.get("status", {}) and name not in seen:
                seen.add(name)
                yield run

    def seconds_to_success(self, run: dict[str, Any]) -> float:
        """Create a run and wait until a watch says that it has succeeded."""
        name = run["metadata"]["name"]
        started = time.perf_counter()
        self.create(run)
        for event in _watch(self.api, field_selector=f"metadata.name={name}"):
            status = event["object"].get("status", {})
            if "exitCode" in status:
                assert status["exitCode"] == 0, status
                break
        return time.perf_counter() - started


def _watch(api: client.CustomObjectsApi, **selector: str) -> Iterator[dict[str, Any]]:
    watcher: Any = watch.Watch
    of = (GROUP, VERSION, NAMESPACE, PLURAL)
    yield from watcher().stream(api.list_namespaced_custom_object, *of, **selector)


@contextmanager
def control_plane() -> Iterator[ControlPlane]:
    """A control plane with the CRD and the rights of an operator."""
    with ControlPlane() as plane:
        plane.kubectl("apply", "-f", str(ROOT / "crds"), "-f", str(_RBAC))
        plane.wait_established(f"crd/{PLURAL}.{GROUP}")
        yield plane


@contextmanager
def bench(*options: str) -> Iterator[Bench]:
    """An operator on a control plane of its own."""
    with control_plane() as plane, tempfile.TemporaryDirectory() as folder:
        connect: Any = config.new_client_from_config
        api = client.CustomObjectsApi(connect(str(plane.kubeconfig)))
        log = Path(folder) / "operator.log"
        given = ["--namespace", NAMESPACE, "--in-process-namespace", NAMESPACE, *options]
        with running_operator(plane.kubeconfig_for(OPERATOR), log, given) as operator:
            yield Bench(operator, Runs(plane), api)
