"""Fixtures of all tiers."""

import os
from collections.abc import Iterator

import pytest

from tests.cluster.build import BuildError
from tests.cluster.controlplane import ControlPlane


@pytest.fixture(scope="session")
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
