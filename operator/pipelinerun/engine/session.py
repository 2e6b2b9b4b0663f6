"""An embedded Ray with explicit sizes and nothing that a pipeline does not need."""

import logging
import os
import secrets
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

from pipelinerun.engine import printing
from pipelinerun.engine.cgroups import ControlGroup
from pipelinerun.engine.environment import ENVIRONMENT, variables
from pipelinerun.engine.log_follower import following

OOM_RETRIES = 2
"""How often Ray tries a task again that its memory monitor killed; by default without end."""

_STORE_SHARE = 0.3
_SHARED_MEMORY_SHARE = 0.9
_STORE_MINIMUM = 80 * 1024 * 1024
_STORE_MAXIMUM = 8 * 1024**3
_STORE_MAXIMUM_MACOS = 2 * 1024**3

_SYSTEM_CONFIG: dict[str, Any] = {"task_oom_retries": OOM_RETRIES}
_ALONE: dict[str, Any] = {
    # What a stage's process needs is loaded while the driver still prepares.
    "preload_python_modules": ["pipelinerun.engine.stage_task", "ray.data"],
}
_NEEDED = ("ray.data", "pipelinerun.engine.run")
"""What a driver loads besides Ray."""
_WARM: dict[str, Any] = {"idle_worker_killing_time_threshold_ms": 10 * 60 * 1000}


@contextmanager
def local_ray(
    temp_dir: Path,
    *,
    num_cpus: int | None = None,
    object_store_memory: int | None = None,
    shared: bool = False,
) -> Iterator[None]:
    """Ray for this process, until the block ends.

    Args:
        temp_dir: folder for its session; short, since Unix sockets are put below it.
        num_cpus: CPUs to offer; what this process may use when left out.
        object_store_memory: bytes; a share of the machine's memory when left out.
        shared: it serves several runs. Idle processes are kept for the next one, while by default
            Ray ends those that it has more of than CPUs after a second. Somebody else passes on
            what stages print; by default lines go out as they are. Ray logs as this process does.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray  # noqa: PLC0415 - reads the environment when it is loaded

    # Its warning that SIGTERM has no handler outside the main thread: that is as we want it.
    logging.getLogger("ray._private.worker").setLevel(logging.ERROR)
    if shared:
        _log_as_this_process_does()
    with _own_token():
        with _starting_shared() if shared else _starting_alone():
            ray.init(
                address="local",
                num_cpus=num_cpus or available_cpus(),
                object_store_memory=object_store_memory or default_object_store(),
                include_dashboard=False,
                log_to_driver=False,
                configure_logging=not shared,
                logging_level="WARNING",
                namespace="pipelinerun",
                _temp_dir=str(temp_dir),
                _system_config=_SYSTEM_CONFIG | (_WARM if shared else _ALONE),
            )
        with nullcontext() if shared else _alone(temp_dir):
            try:
                yield
            finally:
                ray.shutdown()


@contextmanager
def _own_token() -> Iterator[None]:
    """Let a Ray that is started meanwhile answer only those who know its token.

    It listens on all addresses. Its own processes inherit the token; Ray's default would be a file
    in the home directory, which may be read-only, and the same for every Ray.
    """
    from pipelinerun.engine.trimming import read_authentication  # noqa: PLC0415 - loads Ray

    own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with ExitStack() as stack:
        stack.callback(read_authentication)
        stack.enter_context(variables(own))
        read_authentication()
        yield


@contextmanager
def _starting_alone() -> Iterator[None]:
    """Load Ray Data and the engine while Ray starts: that is mostly waiting."""
    from pipelinerun.engine.trimming import no_services  # noqa: PLC0415 - loads Ray

    def load() -> None:
        for name in _NEEDED:
            import_module(name)

    loading = threading.Thread(target=load, name="load the engine")
    loading.start()
    try:
        with no_services():
            yield
    finally:
        loading.join()


@contextmanager
def _alone(temp_dir: Path) -> Iterator[None]:
    from pipelinerun.engine.trimming import no_actors  # noqa: PLC0415 - loads Ray

    told_apart = printing.FOLDER in os.environ
    with no_actors(), following(logs_of_ray(temp_dir), told_apart=told_apart):
        yield


@contextmanager
def _starting_shared() -> Iterator[None]:
    from pipelinerun.engine.trimming import no_log_monitor  # noqa: PLC0415 - loads Ray

    with no_log_monitor():
        yield


def _log_as_this_process_does() -> None:
    logger = logging.getLogger("ray")
    logger.propagate = True
    logger.setLevel(logging.WARNING)


def logs_of_ray(temp_dir: Path) -> Path:
    """The folder with the logs of a Ray's processes."""
    return temp_dir / "session_latest" / "logs"


def available_cpus() -> int:
    """CPUs that this process may use."""
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    return min(cpus, ControlGroup().cpus() or cpus)


def default_object_store() -> int:
    """Bytes for the object store: 30 % of the memory, no more than shared memory holds.

    The memory is the machine's, or what this process's control group may use of it.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [min(memory, ControlGroup().memory() or memory) * _STORE_SHARE]
    if sys.platform == "darwin":
        limits.append(_STORE_MAXIMUM_MACOS)
    else:
        limits += [_STORE_MAXIMUM, shutil.disk_usage("/dev/shm").free * _SHARED_MEMORY_SHARE]  # noqa: S108
    return max(_STORE_MINIMUM, int(min(limits)))
