"""RayClusters as KubeRay tells of them."""

from collections.abc import Mapping
from typing import Any

_DASHBOARD_PORT = "8265"


def address_of(cluster: Mapping[str, Any]) -> str | None:
    """Where the dashboard of a RayCluster is; None while its head is not ready, or goes."""
    if "deletionTimestamp" in cluster["metadata"]:
        return None
    status = _status(cluster)
    service = (status.get("head") or {}).get("serviceName")
    if not _holds(status, "HeadPodReady") or not service:
        return None
    port = (status.get("endpoints") or {}).get("dashboard", _DASHBOARD_PORT)
    return f"http://{service}.{cluster['metadata']['namespace']}.svc:{port}"


def complete(cluster: Mapping[str, Any]) -> bool:
    """Whether all its pods have been ready: those that an autoscaler adds come later."""
    return _holds(_status(cluster), "RayClusterProvisioned")


def trouble_of(cluster: Mapping[str, Any]) -> str | None:
    """What keeps KubeRay from making the pods of a RayCluster, if something does."""
    status = _status(cluster)
    for it in status.get("conditions") or ():
        if it.get("type") == "ReplicaFailure" and it.get("status") == "True":
            return str(it.get("message") or it.get("reason"))
    if status.get("state") == "failed":  # of older versions
        return str(status.get("reason") or "KubeRay says that it has failed")
    return None


def owned_by(cluster: Mapping[str, Any], uid: str) -> bool:
    """Whether a RayCluster was made for the run of that uid."""
    owners = cluster["metadata"].get("ownerReferences") or ()
    return any(it.get("uid") == uid for it in owners)


def _status(cluster: Mapping[str, Any]) -> Mapping[str, Any]:
    return cluster.get("status") or {}


def _holds(status: Mapping[str, Any], condition: str) -> bool:
    conditions = {it.get("type"): it.get("status") for it in status.get("conditions") or ()}
    # Older versions of KubeRay have no conditions.
    return bool(conditions.get(condition, str(status.get("state") == "ready")) == "True")
