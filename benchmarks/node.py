"""A node with the product's image, for the length of a block."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster import image
from tests.cluster.node import Cluster
from tests.support.helm import Helm
from tests.support.installation import Installation

NAMESPACE = "default"


@contextmanager
def node() -> Iterator[Cluster]:
    """A node that has the image and nothing else."""
    layout = image.build()
    with Cluster() as cluster:
        image.load(cluster, layout)
        yield cluster


@contextmanager
def node_with_operator() -> Iterator[Cluster]:
    """A node with the operator, installed by Helm, that runs pipelines in pods alone."""
    with node() as cluster:
        installation = Installation(cluster, Helm(cluster))
        installation.install(inProcess={"enabled": False})
        yield cluster
