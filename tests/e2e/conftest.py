"""A real cluster of one node, the image built from the Dockerfile, and an operator beside it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import image
from tests.cluster.build import BuildError
from tests.cluster.node import Cluster
from tests.support.operator import OperatorProcess, running_operator
from tests.support.runs import Runs

ROOT = Path(__file__).resolve().parents[2]
OPERATOR = "pipelinerun-operator"
NAMESPACE = "workers"
TEMPLATE = """
spec:
  containers:
  - name: pipeline
    imagePullPolicy: Never
"""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster with the CRD and the image. Where there can be none, the tests say why."""
    node = Cluster()
    try:
        layout = image.build()
        node.__enter__()
    except BuildError as error:
        if os.environ.get("CI") and os.geteuid() == 0:
            raise
        pytest.skip(f"no node: {error}")
    try:
        image.load(node, layout)
        rbac = ROOT / "tests" / "apiserver" / "rbac.yaml"
        node.kubectl("apply", "-f", str(ROOT / "crds"), "-f", str(rbac))
        crd = "crd/pipelineruns.pipelinerun.dev"
        node.kubectl("wait", "--for=condition=Established", crd, "--timeout=30s")
        node.kubectl("create", "namespace", NAMESPACE)
        restricted = "pod-security.kubernetes.io/enforce=restricted"
        node.kubectl("label", "namespace", NAMESPACE, restricted)
        yield node
    finally:
        node.__exit__()


@pytest.fixture(scope="session")
def runs(cluster: Cluster) -> Runs:
    """Runs on the cluster."""
    return Runs(cluster)


@pytest.fixture(scope="session")
def operator(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """An operator with exactly the rights it needs, whose workers have the image."""
    folder = tmp_path_factory.mktemp("operator")
    template = folder / "template.yaml"
    template.write_text(TEMPLATE)
    options = ["-n", NAMESPACE, "--worker-image", image.IMAGE, "--worker-pod-template"]
    kubeconfig = cluster.kubeconfig_for(OPERATOR)
    with running_operator(kubeconfig, folder / "log", [*options, str(template)]) as process:
        yield process
