"""The connection to a cluster, as kubectl makes it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import config
from kubernetes.client import ApiClient, Configuration

from pipelinerun.cli.cluster import kubeconfig
from pipelinerun.cli.cluster.errors import ClusterError

_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True)
class Connection:
    """A connection.

    Attributes:
        client: with the user's credentials.
        namespace: that was asked for, else the context's.
        chosen: whether the namespace was asked for.
    """

    client: ApiClient
    namespace: str
    chosen: bool


@contextmanager
def connection(
    file: str | None, context: str | None, namespace: str | None
) -> Iterator[Connection]:
    """Connect by a kubeconfig, else as a pod of the cluster.

    Raises:
        ClusterError: there is no such thing.
    """
    loaded = Configuration()
    # One try: people are told at once, and what goes on for long tries again itself.
    loaded.retries = False
    own = _load(loaded, file, context)
    with ApiClient(loaded) as client:
        client.user_agent = "pipelinerun-cli"
        yield Connection(client, namespace or own or "default", namespace is not None)


def _load(loaded: Any, file: str | None, context: str | None) -> str | None:
    """Fill in where the cluster is and who asks; returns the namespace that goes with it."""
    paths = kubeconfig.files(file, os.environ)
    try:
        if not paths and context is None and _OWN_NAMESPACE.exists():
            config.load_incluster_config(client_configuration=loaded)  # type: ignore[no-untyped-call]
            return _OWN_NAMESPACE.read_text().strip()
        if not paths:
            raise ClusterError(kubeconfig.missing(os.environ))
        name, namespace = kubeconfig.context_of(kubeconfig.read(paths), context)
        config.load_kube_config(  # type: ignore[no-untyped-call]
            os.pathsep.join(map(str, paths)),
            context=name,
            client_configuration=loaded,
            persist_config=False,
        )
    except config.ConfigException as error:
        raise ClusterError(f"the kubeconfig cannot be used: {error}") from None
    return namespace
