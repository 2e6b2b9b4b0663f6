"""The operator as users have it: installed by Helm on a node."""

from typing import Any

from tests.cluster import image
from tests.cluster.node import Cluster
from tests.support.helm import RELEASE, SYSTEM, Helm
from tests.support.runs import Document
from tests.support.waiting import wait_for

ACCOUNT = f"system:serviceaccount:{SYSTEM}:{RELEASE}"
"""Who the operator is to the API server."""
WORKERS = "workers"
"""Namespace for runs in worker pods."""
IN_PROCESS = "in-process"
"""Namespace that is allowed runs in the operator's Ray."""
_DEPLOYMENT = f"deployment/{RELEASE}"
_SELECTOR = "app.kubernetes.io/component=operator"
_TIMEOUT = 240


class Installation:
    """A release on a cluster."""

    def __init__(self, cluster: Cluster, helm: Helm) -> None:
        self._cluster, self._helm = cluster, helm
        repository, _, tag = image.IMAGE.rpartition(":")
        self._values: dict[str, Any] = {
            "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
            "inProcess": {"namespaces": [IN_PROCESS], "capacity": 1},
            "log": {"format": "console"},
            # When the node is lost, the operator stands for one on another node.
            "tolerations": [{"operator": "Exists"}],
            # A slow machine may take its time to restart the operator's container.
            "leaderElection": {"leaseDuration": 30},
        }

    def install(self, **values: Any) -> str:
        """Install or upgrade, and wait until the operator is ready; returns the notes."""
        notes = self._helm.install({**self._values, **values}, "--create-namespace")
        self.wait_ready()
        return notes

    def wait_ready(self) -> None:
        """Wait until the operator that was asked for last is the one, and ready."""
        rollout = ("rollout", "status", "-n", SYSTEM, _DEPLOYMENT)
        self._cluster.kubectl(*rollout, f"--timeout={_TIMEOUT}s")

    def pod(self) -> Document:
        """The operator's pod; one that is on its way out does not count."""
        (pod,) = self._pods()
        return pod

    def _pods(self) -> list[Document]:
        items = self._cluster.pods(SYSTEM, _SELECTOR)
        return [it for it in items if "deletionTimestamp" not in it["metadata"]]

    def leader(self) -> str:
        """Name of the operator's pod that leads, as soon as one does."""
        wait_for(lambda: self._holder() in {it["metadata"]["name"] for it in self._pods()})
        return self._holder()

    def _holder(self) -> str:
        """Who leads, or led last; empty when nobody does."""
        (lease,) = self._cluster.get("leases", "-n", SYSTEM)["items"]
        return str(lease["spec"].get("holderIdentity", ""))

    def restarts(self, container: str) -> int:
        """How often a container of the operator's pod has been restarted."""
        states = {it["name"]: it for it in self.pod()["status"]["containerStatuses"]}
        return int(states[container]["restartCount"])

    def replace(self) -> None:
        """Kill the operator's pod without a warning; returns when another one is ready."""
        before = self.pod()["metadata"]["uid"]
        self._cluster.kubectl(
            "delete", "pod", "-n", SYSTEM, "-l", _SELECTOR, "--grace-period=0", "--force"
        )
        wait_for(lambda: self._is_another(before), _TIMEOUT)
        self.wait_ready()

    def _is_another(self, uid: str) -> bool:
        items = self._pods()
        return len(items) == 1 and items[0]["metadata"]["uid"] != uid

    def kill(self, container: str, signal: str = "KILL") -> None:
        """Kill the main process of a container; returns when it has been started again."""
        before = self.restarts(container)
        states = {it["name"]: it for it in self.pod()["status"]["containerStatuses"]}
        identifier = states[container]["containerID"].removeprefix("containerd://")
        self._cluster.ctr("tasks", "kill", "--signal", f"SIG{signal}", identifier)
        wait_for(lambda: self.restarts(container) > before, _TIMEOUT)

    def log(self, container: str = "operator") -> str:
        """The log of a container of the operator's pod."""
        return self._cluster.kubectl("logs", "-n", SYSTEM, _DEPLOYMENT, "-c", container)
