"""Ray clusters of KubeRay that runs name."""

import json
from collections.abc import Mapping
from typing import Any

from kubernetes.aio.client import ApiClient, CustomObjectsApi
from kubernetes.aio.client.exceptions import ApiException

from pipelinerun.api.ray import Ray
from pipelinerun.api.violations import InvalidDefinitionError, Violation
from pipelinerun.controller.errors import message_of
from pipelinerun.controller.requests import TIMEOUT
from pipelinerun.controller.runs import Run
from pipelinerun.core import reasons
from pipelinerun.core.observed import Wait

LOOK_AGAIN = 5.0
"""Seconds between two looks at a cluster that is not ready: nobody tells when it is."""
_GROUP, _VERSION, _PLURAL = "ray.io", "v1", "rayclusters"
_DASHBOARD_PORT = "8265"
_FORBIDDEN = 403
_NOT_FOUND = 404
_NO_KUBERAY = (
    "this cluster has no RayClusters: install KubeRay, or give the address of a Ray cluster in"
    " ray.address"
)
_NO_RIGHT = "the operator may not read RayClusters: set kuberay.enabled in the chart's values"


class RayClusters:
    """Reads the clusters that runs name. Errors of the client pass through."""

    def __init__(self, client: ApiClient) -> None:
        self._objects = CustomObjectsApi(client)

    async def ray(self, run: Run) -> Ray | Wait:
        """What a run says of its Ray, with the address of the cluster that it names.

        Raises:
            InvalidDefinitionError: nothing that comes later makes it one.
        """
        assert run.spec is not None  # which names it
        given = run.spec.ray
        if given.cluster is None:
            return given
        try:
            found: Any = await self._objects.get_namespaced_custom_object(
                _GROUP, _VERSION, run.namespace, _PLURAL, given.cluster, _request_timeout=TIMEOUT
            )
        except ApiException as error:
            if error.status == _NOT_FOUND and not _names_an_object(error):
                raise _invalid(_NO_KUBERAY) from error
            if error.status == _NOT_FOUND:
                return _waiting(run, given.cluster)
            if error.status == _FORBIDDEN:
                raise _invalid(f"{_NO_RIGHT} ({message_of(error)})") from error
            raise
        address = address_of(found)
        if address is None:
            return _waiting(run, given.cluster)
        return given.model_copy(update={"address": address, "cluster": None})


def address_of(cluster: Mapping[str, Any]) -> str | None:
    """Where the dashboard of a RayCluster is; None while its head is not ready."""
    status = cluster.get("status") or {}
    conditions = {it.get("type"): it.get("status") for it in status.get("conditions") or ()}
    # Older versions of KubeRay have no conditions.
    ready = conditions.get("HeadPodReady", str(status.get("state") == "ready"))
    service = (status.get("head") or {}).get("serviceName")
    if ready != "True" or not service:
        return None
    port = (status.get("endpoints") or {}).get("dashboard", _DASHBOARD_PORT)
    return f"http://{service}.{cluster['metadata']['namespace']}.svc:{port}"


def _names_an_object(error: ApiException) -> bool:
    """Whether it is the object that is missing, and not its kind."""
    try:
        return bool(json.loads(error.body or "")["details"]["name"])
    except (ValueError, KeyError, TypeError):
        return False


def _waiting(run: Run, name: str) -> Wait:
    """In words that stay true while it comes up: a status is written once for a reason."""
    message = f"RayCluster {name} in namespace {run.namespace} has no head that is ready"
    return Wait(reasons.WAITING_FOR_CLUSTER, message, look_again=LOOK_AGAIN)


def _invalid(message: str) -> InvalidDefinitionError:
    return InvalidDefinitionError([Violation("ray.cluster", message)])
