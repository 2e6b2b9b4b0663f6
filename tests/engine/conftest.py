"""One Ray for the tests of the engine."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelinerun.engine.session import local_ray
from tests.engine.pipeline import Pipeline


@pytest.fixture(scope="package")
def ray_session() -> Iterator[None]:
    # Unix sockets of Ray's session need a short path.
    with (
        tempfile.TemporaryDirectory(prefix="pr-") as folder,
        local_ray(Path(folder), num_cpus=4, object_store_memory=512 * 1024**2),
    ):
        yield


@pytest.fixture
def pipeline(ray_session: None, tmp_path: Path) -> Pipeline:  # noqa: ARG001 - it has to be there
    return Pipeline(tmp_path)
