"""A control plane with the CRD, and an operator with exactly the rights it needs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.build import BuildError
from tests.cluster.controlplane import ControlPlane, free_ports
from tests.support.operator import OperatorProcess, running_operator
from tests.support.runs import Runs

ROOT = Path(__file__).resolve().parents[2]
OPERATOR = "pipelinerun-operator"
CRD = "crd/pipelineruns.pipelinerun.dev"


@pytest.fixture(scope="package")
def control_plane() -> Iterator[ControlPlane]:
    """A real kube-apiserver and etcd. Where they cannot be had, the tests say why."""
    try:
        plane = ControlPlane().__enter__()
    except BuildError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no control plane: {error}")
    try:
        yield plane
    finally:
        plane.__exit__()


@pytest.fixture(scope="package")
def cluster(control_plane: ControlPlane) -> ControlPlane:
    """The control plane with the CRD established."""
    rbac = Path(__file__).parent / "rbac.yaml"
    control_plane.kubectl("apply", "-f", str(ROOT / "crds"), "-f", str(rbac))
    control_plane.wait_established(CRD)
    for namespace in ("other", "admission", "recovery", "health"):
        control_plane.kubectl("create", "namespace", namespace)
    return control_plane


@pytest.fixture(scope="package")
def runs(cluster: ControlPlane) -> Runs:
    """Runs on the control plane."""
    return Runs(cluster)


@pytest.fixture(scope="package")
def metrics_port() -> int:
    """Where that operator serves its metrics."""
    return free_ports(1)[0]


@pytest.fixture(scope="package")
def operator(
    cluster: ControlPlane, metrics_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """An operator that allows in-process runs in the namespace default, two at once."""
    log = tmp_path_factory.mktemp("operator") / "operator.log"
    options = ["-n", "default", "-n", "other", "--in-process-namespace", "default"]
    options += ["--http-port", str(metrics_port)]
    with running_operator(cluster.kubeconfig_for(OPERATOR), log, options) as process:
        yield process
