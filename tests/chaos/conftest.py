"""A namespace for runs that write down what they do, and an operator with exactly its rights."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.witness import Witness
from tests.cluster.node import Cluster

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "chaos"
CRD = "crd/pipelineruns.pipelinerun.dev"
RIGHTS = ROOT / "tests" / "apiserver" / "rbac.yaml"


@pytest.fixture(scope="package")
def watched(cluster: Cluster) -> Iterator[Cluster]:
    """A cluster with the CRD and the rights of an operator; nothing of them is left."""
    installed = ("-f", str(ROOT / "crds"), "-f", str(RIGHTS))
    cluster.kubectl("apply", *installed)
    cluster.wait_established(CRD)
    yield cluster
    cluster.kubectl("delete", *installed, "--timeout=300s")


@pytest.fixture
def namespace(watched: Cluster) -> Iterator[str]:
    """A namespace that is watched by nobody, new for each storm; nothing of it is left."""
    watched.kubectl("create", "namespace", NAMESPACE)
    yield NAMESPACE
    watched.kubectl("delete", "namespace", NAMESPACE, "--timeout=300s")


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    """A file that attempts write to, from pods too."""
    return Witness(tmp_path / "witness")
