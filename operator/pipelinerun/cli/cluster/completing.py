"""What the shell is offered: names of runs, namespaces and contexts.

Whatever goes wrong, nothing is offered: an error would appear in the middle of the user's line.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import typer

from pipelinerun.cli.cluster import kubeconfig
from pipelinerun.cli.cluster.errors import ClusterError
from pipelinerun.cli.cluster.reading import is_finished, phase_of

Offer = list[tuple[str, str]]
"""What can be completed, with a word about each."""
_TIMEOUT = 3.0


def runs(context: typer.Context, incomplete: str) -> Offer:
    """All runs."""
    return _runs(context, incomplete, lambda _: True)


def finished_runs(context: typer.Context, incomplete: str) -> Offer:
    """Runs that have ended."""
    return _runs(context, incomplete, is_finished)


def unfinished_runs(context: typer.Context, incomplete: str) -> Offer:
    """Runs that have not."""
    return _runs(context, incomplete, lambda run: not is_finished(run))


def suspended_runs(context: typer.Context, incomplete: str) -> Offer:
    """Runs that ``spec.suspend`` holds."""
    held = lambda run: bool(run["spec"].get("suspend")) and not is_finished(run)  # noqa: E731
    return _runs(context, incomplete, held)


def namespaces(context: typer.Context, incomplete: str) -> list[str]:
    """Namespaces of the cluster."""
    names: list[str] = []
    with _quietly():
        from kubernetes.client import CoreV1Api  # noqa: PLC0415 - takes long to load

        from pipelinerun.cli.cluster.connection import connection  # noqa: PLC0415

        options = (_given(context, "kubeconfig"), _given(context, "context"), None)
        with connection(*options) as connected:
            listed = CoreV1Api(connected.client).list_namespace(_request_timeout=_TIMEOUT)
            names = [str(it.metadata.name) for it in listed.items if it.metadata]
    return [name for name in names if name.startswith(incomplete)]


def contexts(context: typer.Context, incomplete: str) -> list[str]:
    """Contexts of the kubeconfig."""
    names: list[str] = []
    with suppress(ClusterError):
        paths = kubeconfig.files(_given(context, "kubeconfig"), os.environ)
        names = sorted(kubeconfig.contexts_of(kubeconfig.read(paths)))
    return [name for name in names if name.startswith(incomplete)]


def _runs(context: typer.Context, incomplete: str, fits: Callable[[Any], bool]) -> Offer:
    found: list[dict[str, Any]] = []
    with _quietly():
        from pipelinerun.cli.cluster.connection import connection  # noqa: PLC0415
        from pipelinerun.cli.cluster.runs import Runs  # noqa: PLC0415

        options = (_given(context, name) for name in ("kubeconfig", "context", "namespace"))
        with connection(*options) as connected:
            found = Runs(connected, timeout=_TIMEOUT).find()
    return [
        (run["metadata"]["name"], phase_of(run))
        for run in found
        if run["metadata"]["name"].startswith(incomplete) and fits(run)
    ]


def _given(context: typer.Context, option: str) -> str | None:
    """An option of the line so far, given behind the command or before it."""
    value = context.params.get(option) or context.find_root().params.get(option)
    return str(value) if value else None


@contextmanager
def _quietly() -> Iterator[None]:
    from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    with suppress(ClusterError, ApiException, HTTPError):
        yield
