"""The connection to the API server, for our own calls and for kopf's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kopf
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from pipelinerun.api.metrics import API_REQUESTS, API_WAIT
from pipelinerun.controller.guard import READS, GuardedApiClient
from pipelinerun.controller.leadership import Leadership
from pipelinerun.controller.limiter import RateLimiter
from pipelinerun.controller.metrics import Meters
from pipelinerun.controller.priorities import current_priority
from pipelinerun.controller.settings import OperatorSettings
from pipelinerun.controller.writes import note_write

USER_AGENT = "pipelinerun-operator"
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


async def configuration(settings: OperatorSettings) -> Configuration:
    """Credentials: the kubeconfig that was named, else the pod's own, else kubectl's default."""
    loaded = Configuration()
    if settings.kubeconfig is None and settings.context is None and _in_cluster():
        config.load_incluster_config(client_configuration=loaded)  # type: ignore[no-untyped-call]
    else:
        await config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=settings.kubeconfig,
            context=settings.context,
            client_configuration=loaded,
        )
    return loaded


@dataclass(frozen=True)
class Pace:
    """What a client keeps to, and where it counts."""

    leadership: Leadership
    limiter: RateLimiter
    meters: Meters


class PacedApiClient(GuardedApiClient):
    """Keeps to a pace. Waiting comes first: that this operator leads is checked after that."""

    def __init__(self, loaded: Configuration, pace: Pace) -> None:
        super().__init__(loaded, pace.leadership)
        self._limiter, self._meters = pace.limiter, pace.meters

    async def call_api(self, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        """Make a request once it may be made."""
        priority = current_priority()
        with self._meters.timed(API_WAIT, priority.name.lower()):
            await self._limiter.wait(priority)
        code = "error"
        try:
            response = await super().call_api(method, url, *arguments, **options)
            code = str(response.status)
        finally:
            self._meters.add(API_REQUESTS, method, code)
            if method not in READS:
                note_write()
        self._limiter.heed(response.status, response.headers.get("Retry-After"))
        return response


@asynccontextmanager
async def api_client(loaded: Configuration, pace: Pace | None = None) -> AsyncIterator[ApiClient]:
    """A client for our own calls, at a pace if there is one."""
    made = ApiClient(loaded) if pace is None else PacedApiClient(loaded, pace)
    async with made as client:
        client.user_agent = USER_AGENT
        yield client


async def connection_info(loaded: Configuration) -> kopf.ConnectionInfo:
    """The same credentials for kopf's watches."""
    header = await _authorization(loaded)
    scheme, _, token = header.rpartition(" ")
    return kopf.ConnectionInfo(
        server=loaded.host,
        ca_path=loaded.ssl_ca_cert,
        insecure=not loaded.verify_ssl,
        username=loaded.username or None,
        password=loaded.password or None,
        scheme=scheme or None,
        token=token or None,
        certificate_path=loaded.cert_file,
        private_key_path=loaded.key_file,
        proxy_url=loaded.proxy,
    )


async def _authorization(loaded: Configuration) -> str:
    for identifier in ("BearerToken", "authorization"):
        header = await loaded.get_api_key_with_prefix(identifier)
        if header:
            return str(header)
    return ""


def own_namespace(settings: OperatorSettings) -> str:
    """The namespace the operator runs in; the first it watches when it runs outside a cluster."""
    own = namespace_of_pod()
    if own is not None:
        return own
    return settings.namespaces[0] if settings.namespaces else "default"


def namespace_of_pod() -> str | None:
    """The namespace of the pod that the operator runs in; None outside a cluster."""
    return _NAMESPACE_FILE.read_text().strip() if _in_cluster() else None


def _in_cluster() -> bool:
    return _NAMESPACE_FILE.exists()
