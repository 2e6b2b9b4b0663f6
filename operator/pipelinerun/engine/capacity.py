"""What a Ray has, and whether it may get more. Reaches into Ray's private parts."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import ray
from ray._private.ray_constants import DEBUG_AUTOSCALING_STATUS
from ray._raylet import (  # type: ignore[attr-defined]
    GCS_AUTOSCALER_STATE_NAMESPACE,
    GCS_AUTOSCALER_V2_ENABLED_KEY,
)
from ray.experimental import internal_kv

_WITHOUT_AUTOSCALER = "node_"
"""How types of nodes begin that Ray makes up, one for each node, when nobody has configured any."""
_LOOPBACK = "127.0.0.1"


def may_grow() -> bool:
    """Whether nodes may come: an autoscaler is configured."""
    second = internal_kv._internal_kv_get(  # noqa: SLF001
        GCS_AUTOSCALER_V2_ENABLED_KEY, namespace=GCS_AUTOSCALER_STATE_NAMESPACE
    )
    status = internal_kv._internal_kv_get(DEBUG_AUTOSCALING_STATUS)  # noqa: SLF001
    return second == b"1" or (status is not None and has_types(json.loads(status)))


def has_types(status: Mapping[str, Any]) -> bool:
    """Whether the status that Ray's autoscaler leaves is that of one with types of nodes."""
    report = status.get("autoscaler_report") or {}
    types = {**(report.get("active_nodes") or {}), **(report.get("idle_nodes") or {})}
    return any(not it.startswith(_WITHOUT_AUTOSCALER) for it in types)


def nodes() -> Sequence[Mapping[str, float]]:
    """The resources of each node."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def ledger_host() -> str:
    """Where this process listens for stages: loopback, unless they may run on other nodes."""
    if len(nodes()) == 1 and not may_grow():
        return _LOOPBACK
    return str(ray.util.get_node_ip_address())
