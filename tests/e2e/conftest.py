"""A real cluster of one node, the image built from the Dockerfile, the operator by Helm."""

import os
from collections.abc import Iterator

import pytest

from tests.cluster import image
from tests.cluster.build import BuildError
from tests.cluster.node import Cluster
from tests.support.helm import Helm
from tests.support.installation import Installation
from tests.support.runs import Runs

NAMESPACE = "workers"
IN_PROCESS = "in-process"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster with the image. Where there can be none, the tests say why."""
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
        restricted = "pod-security.kubernetes.io/enforce=restricted"
        for namespace in (NAMESPACE, IN_PROCESS):
            node.kubectl("create", "namespace", namespace)
            node.kubectl("label", "namespace", namespace, restricted)
        yield node
    finally:
        node.__exit__()


@pytest.fixture(scope="session")
def helm(cluster: Cluster) -> Helm:
    """Helm on the cluster."""
    return Helm(cluster)


@pytest.fixture(scope="session")
def runs(cluster: Cluster) -> Runs:
    """Runs on the cluster."""
    return Runs(cluster)


@pytest.fixture(scope="session")
def operator(cluster: Cluster, helm: Helm) -> Installation:
    """The operator, CRDs and all."""
    installation = Installation(cluster, helm, [IN_PROCESS])
    installation.install()
    return installation
