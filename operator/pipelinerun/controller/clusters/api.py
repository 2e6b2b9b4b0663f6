"""What the operator says to the API server about RayClusters."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from kubernetes.aio.client import ApiClient, CustomObjectsApi
from kubernetes.aio.client.exceptions import ApiException

from pipelinerun.controller.errors import message_of
from pipelinerun.controller.requests import TIMEOUT
from pipelinerun.controller.runs import Body

GROUP, VERSION, PLURAL = "ray.io", "v1", "rayclusters"
_FORBIDDEN = 403
_NOT_FOUND = 404
_CONFLICT = 409
_NO_KUBERAY = (
    "this cluster has no RayClusters: install KubeRay, or give the address of a Ray cluster in"
    " ray.address"
)
_NO_RIGHT = "the operator has no right to RayClusters: set kuberay.enabled in the chart's values"


class NoRayClustersError(Exception):
    """This operator has nothing to do with RayClusters, and the message says why."""


class ClusterApi:
    """Reads, creates and deletes RayClusters. Other errors of the client pass through.

    All of it raises ``NoRayClustersError``.
    """

    def __init__(self, client: ApiClient) -> None:
        self._objects = CustomObjectsApi(client)

    async def read(self, namespace: str, name: str) -> Body | None:
        """A RayCluster as it is now; None if there is none."""
        try:
            with _usable():
                found = await self._objects.get_namespaced_custom_object(
                    GROUP, VERSION, namespace, PLURAL, name, _request_timeout=TIMEOUT
                )
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return cast("Body", found)

    async def create(self, namespace: str, manifest: dict[str, Any]) -> Body:
        """Create a RayCluster, or read the one of that name that there is already."""
        try:
            with _usable():
                created = await self._objects.create_namespaced_custom_object(
                    GROUP,
                    VERSION,
                    namespace,
                    PLURAL,
                    manifest,
                    field_validation="Strict",  # what is misspelt is not passed over
                    _request_timeout=TIMEOUT,
                )
        except ApiException as error:
            if error.status != _CONFLICT:
                raise
            there = await self.read(namespace, manifest["metadata"]["name"])
            if there is None:
                raise
            return there
        return cast("Body", created)

    async def delete(self, namespace: str, name: str) -> None:
        """Delete a RayCluster, and its pods with it; one that is not there is deleted."""
        try:
            with _usable():
                await self._objects.delete_namespaced_custom_object(
                    GROUP,
                    VERSION,
                    namespace,
                    PLURAL,
                    name,
                    propagation_policy="Background",
                    _request_timeout=TIMEOUT,
                )
        except ApiException as error:
            if error.status != _NOT_FOUND:
                raise


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except ApiException as error:
        if error.status == _NOT_FOUND and not _names_an_object(error):
            raise NoRayClustersError(_NO_KUBERAY) from error
        message = message_of(error)
        if error.status == _FORBIDDEN and re.search(r"cannot \w+ resource", message):  # not a quota
            raise NoRayClustersError(f"{_NO_RIGHT} ({message})") from error
        raise


def _names_an_object(error: ApiException) -> bool:
    """Whether it is the object that is missing, and not its kind."""
    try:
        return bool(json.loads(error.body or "")["details"]["name"])
    except (ValueError, KeyError, TypeError):
        return False
