"""Reading and writing a Lease."""

from datetime import UTC, datetime

from kubernetes.aio.client import (
    ApiClient,
    CoordinationV1Api,
    V1Lease,
    V1LeaseSpec,
    V1ObjectMeta,
)
from kubernetes.aio.client.exceptions import ApiException

from pipelinerun.controller import clock
from pipelinerun.core.leases import LeaseRecord, SeenLease

_NOT_FOUND = 404


class LeaseApi:
    """One Lease. Other errors of the client pass through."""

    def __init__(self, client: ApiClient, namespace: str, name: str, timeout: float) -> None:
        """Name a lease.

        Args:
            client: for nothing else, so that no other request is in its way.
            namespace: of the lease.
            name: of the lease.
            timeout: seconds for a request.
        """
        self.namespace, self.name = namespace, name
        self._api = CoordinationV1Api(client)
        self._timeout = timeout

    async def read(self) -> SeenLease | None:
        """The lease as it is now; None when there is none."""
        try:
            lease = await self._api.read_namespaced_lease(
                self.name, self.namespace, _request_timeout=self._timeout
            )
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return _seen(lease)

    async def write(self, record: LeaseRecord, version: str | None) -> SeenLease:
        """Write the lease if it still has a version; None creates it."""
        body = V1Lease(
            metadata=V1ObjectMeta(
                name=self.name, namespace=self.namespace, resource_version=version
            ),
            spec=V1LeaseSpec(
                holder_identity=record.holder,
                lease_duration_seconds=round(record.duration),
                acquire_time=record.acquired,
                renew_time=record.renewed,
                lease_transitions=record.transitions,
            ),
        )
        if version is None:
            lease = await self._api.create_namespaced_lease(
                self.namespace, body, _request_timeout=self._timeout
            )
        else:
            lease = await self._api.replace_namespaced_lease(
                self.name, self.namespace, body, _request_timeout=self._timeout
            )
        return _seen(lease)


def time_of_lease() -> datetime:
    """Now, as the API server takes it: never without a fraction of a second."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond or 1)


def _seen(lease: V1Lease) -> SeenLease:
    spec, metadata = lease.spec or V1LeaseSpec(), lease.metadata or V1ObjectMeta()
    record = LeaseRecord(
        holder=spec.holder_identity or "",
        duration=float(spec.lease_duration_seconds or 0),
        acquired=spec.acquire_time,
        renewed=spec.renew_time,
        transitions=spec.lease_transitions or 0,
    )
    return SeenLease(record, metadata.resource_version or "", clock.now())
