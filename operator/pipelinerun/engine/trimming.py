"""What a Ray for a single run does without. The one file that reaches into Ray's private parts.

Ray has no setting for any of this. The processes serve a dashboard and an autoscaler, and there is
neither here; the actors keep statistics for that dashboard, and share out a cluster between the
Datasets of several drivers. Each costs about a second of CPU before the first row, and memory.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ray
from ray._private.node import Node

SERVICES = ("start_monitor", "start_log_monitor", "start_api_server")
"""Methods of Ray's ``Node`` that start the autoscaler's monitor, the log monitor, the dashboard."""


@contextmanager
def no_services() -> Iterator[None]:
    """Start Ray without the processes that only a dashboard or an autoscaler needs."""
    with _replaced(*((Node, name, _nothing) for name in SERVICES)):
        yield


@contextmanager
def no_actors() -> Iterator[None]:
    """Run Datasets without the actors that Ray Data has for itself."""
    from ray.data._internal import stats  # noqa: PLC0415 - loading it takes seconds
    from ray.data._internal.cluster_autoscaler import (  # noqa: PLC0415
        rate_based_cluster_autoscaler as autoscaler,
    )

    with _replaced(
        (stats, "get_or_create_stats_actor", Nobody),
        (autoscaler, "DefaultAutoscalingCoordinator", WholeCluster),
    ):
        yield


class Nobody:
    """An actor whose methods do nothing when called with ``.remote()``."""

    def __getattr__(self, name: str) -> "Nobody":
        return self

    def remote(self, *_args: Any, **_options: Any) -> None:
        """Nothing."""


class WholeCluster:
    """Gives the one Dataset that there is all that there is, as the coordinator would."""

    def __init__(self, *_args: Any, **_options: Any) -> None:
        self._nodes: Mapping[str, Mapping[str, float]] = {
            node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]
        }

    def request_resources(self, *_args: Any, **_options: Any) -> None:
        """There is no more to be had."""

    def cancel_request(self) -> None:
        """There is nothing to give back."""

    def get_reserved_resources(self) -> Mapping[str, Mapping[str, float]]:
        """Resources by node."""
        return self._nodes


@contextmanager
def _replaced(*replacements: tuple[object, str, object]) -> Iterator[None]:
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replacements]
    for owner, name, value in replacements:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def _nothing(*_args: Any, **_options: Any) -> None:
    pass
