"""Fixtures of all tiers, and those that the tiers with a node share."""

import os
import signal
from collections.abc import Iterator

import hypothesis
import pytest

from tests.cluster import image
from tests.cluster.build import BuildError
from tests.cluster.node import Cluster
from tests.support.helm import Helm
from tests.support.installation import IN_PROCESS, WORKERS, Installation
from tests.support.runs import Runs

pytest_plugins = ["tests.support.tiers", "tests.support.sharing"]

# Ray gives its workers a niceness of 15. Next to servers and pods on the same processors they would
# come to nothing for minutes.
os.environ.setdefault("RAY_worker_niceness", "0")

# Times are measured in benchmarks/, never asserted.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> None:
    """Shells start what runs in the background with SIGINT ignored, and children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A real cluster of one node with the image, one for all tiers that need it.

    Where there can be none, the tests say why.
    """
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
        for namespace in (WORKERS, IN_PROCESS):
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
def installation(cluster: Cluster, helm: Helm) -> Installation:
    """The operator's release. A tier that uses it installs it with the values that it needs."""
    return Installation(cluster, helm)
