"""One Ray for the tests of the engine."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelinerun.engine.session import local_ray
from tests.engine.pipeline import Pipeline


@pytest.fixture(scope="package")
def ray_session() -> Iterator[None]:
    # Unix sockets of Ray's session need a short path.
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="pr-") as folder,
        _own_cache(patch, folder),
        _processes_stay(patch),
        local_ray(Path(folder), num_cpus=4, object_store_memory=512 * 1024**2),
    ):
        yield


@contextmanager
def _own_cache(patch: pytest.MonkeyPatch, folder: str) -> Iterator[None]:
    """Packages that tests install do not stay, and processes of Ray find them where it does."""
    patch.setenv("PIPELINERUN_CACHE", f"{folder}/cache")
    yield


@contextmanager
def _processes_stay(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """The next test finds processes that have loaded all they need, which takes seconds."""
    patch.setenv("RAY_idle_worker_killing_time_threshold_ms", "600000")
    yield


@pytest.fixture
def pipeline(ray_session: None, tmp_path: Path) -> Pipeline:  # noqa: ARG001 - it has to be there
    return Pipeline(tmp_path)
