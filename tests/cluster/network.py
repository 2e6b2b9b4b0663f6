"""The network of the node: a bridge that pods are on, with the node's own address."""

import ipaddress
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BRIDGE = "prun0"
SUBNET = ipaddress.ip_network("10.244.77.0/24")
NODE_ADDRESS = str(SUBNET[1])
SERVICES = "10.96.0.0/16"
_NAMESPACES = Path("/run/netns")


@contextmanager
def bridge(state: Path) -> Iterator[None]:
    """The bridge, and the configuration by which pods are put on it, for as long as a block lasts.

    Pods reach each other, the node and services; there is no way out, and no rule is left behind.
    """
    before = set(_NAMESPACES.glob("cni-*"))
    _remove()
    _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("addr", "add", f"{NODE_ADDRESS}/{SUBNET.prefixlen}", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")
    (state / "10-pods.conflist").write_text(json.dumps(_configuration(state)))
    try:
        yield
    finally:
        for namespace in set(_NAMESPACES.glob("cni-*")) - before:
            _ip("netns", "delete", namespace.name, check=False)
        _remove()


def _configuration(state: Path) -> dict[str, object]:
    addresses = {
        "type": "host-local",
        "dataDir": str(state / "addresses"),
        "ranges": [[{"subnet": str(SUBNET)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugin = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "hairpinMode": True,
        "ipam": addresses,
    }
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [plugin]}


def _remove() -> None:
    _ip("link", "delete", BRIDGE, check=False)


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=True)
