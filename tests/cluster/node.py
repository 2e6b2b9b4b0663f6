"""A real cluster of one node on this machine, with all that such a node has."""

import fcntl
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Self

import yaml

from tests.cluster import binaries, leftovers, requirements, rules
from tests.cluster.build import BuildError
from tests.cluster.controlplane import NODE_USER, ControlPlane
from tests.cluster.network import NODE_ADDRESS, SUBNET, bridge
from tests.cluster.processes import Server, ServerError

NODE = "node1"
_PAUSE = "local.test/pause:1"
_DOMAIN = "cluster.local"
_DNS_PORT = 53
_TIMEOUT = 90.0
_DRAIN = 20


class Cluster(ControlPlane):
    """A cluster for the length of a ``with`` block; needs root on Linux. One at a time."""

    def __init__(self) -> None:
        super().__init__(address=NODE_ADDRESS)
        self._node = ExitStack()

    def __enter__(self) -> Self:
        requirements.check()
        self._node_binaries = binaries.provide_node() | {"coredns": binaries.provide_coredns()}
        with ExitStack() as undo:
            self._node.enter_context(_alone())
            self._node.enter_context(rules.removed())
            undo.push(self._node)
            self._cni = Path(self._node.enter_context(tempfile.TemporaryDirectory(prefix="kcni-")))
            self._node.enter_context(bridge(self._cni))
            super().__enter__()
            self._node.push(super().__exit__)
            self._start_controllers()
            self._start_dns()
            self._start_node()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._drain()
        self._node.close()

    def ctr(self, *arguments: str, stdin: IO[bytes] | None = None) -> str:
        """Run containerd's client in the namespace of Kubernetes.

        Raises:
            AssertionError: it failed; the message is what it said.
        """
        done = subprocess.run(
            ["ctr", "-a", str(self._socket), "-n", "k8s.io", *arguments],
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"ctr {' '.join(arguments)}: {done.stderr.decode()}")
        return done.stdout.decode()

    def stop_kubelet(self) -> None:
        """End the kubelet; pods go on."""
        self._kubelet.stop()

    def start_kubelet(self) -> None:
        """Start the kubelet."""
        self._kubelet = self._server_of_node(
            "kubelet",
            f"--config={self._state / 'kubelet.yaml'}",
            f"--kubeconfig={self.kubeconfig_for(NODE_USER)}",
            f"--hostname-override={NODE}",
            f"--root-dir={self._state / 'kubelet'}",
            f"--node-ip={NODE_ADDRESS}",
        )

    def processes_of(self, pod: Mapping[str, Any]) -> set[int]:
        """The processes of a pod's containers."""
        return leftovers.processes_of(pod["metadata"]["uid"])

    def kill_pod(self, pod: Mapping[str, Any]) -> None:
        """Kill the processes of a pod, which nobody is told."""
        leftovers.kill(lambda: self.processes_of(pod))

    def lose_power(self) -> None:
        """The node is gone from one moment to the next, with all that runs on it."""
        self._kubelet.kill()
        self._containerd.kill()
        leftovers.kill_all(self._state)

    def regain_power(self) -> None:
        """The node starts again, with what it had on its disks."""
        self._start_containerd()
        deadline = time.monotonic() + _TIMEOUT
        while True:
            self.start_kubelet()
            try:
                self._kubelet.wait_until(self._kubelet_answers, _TIMEOUT)
            except ServerError:
                # containerd may still be looking at the containers that there were: a kubelet ends
                # then, and an init system starts it again.
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def is_ready(self) -> bool:
        """Whether the node is there, as far as the control plane knows."""
        found = self.try_kubectl("get", "node", NODE, "-o", "json")
        if found.returncode:
            return False
        conditions = json.loads(found.stdout)["status"]["conditions"]
        return any(it["type"] == "Ready" and it["status"] == "True" for it in conditions)

    def _start_controllers(self) -> None:
        self._server_of_node(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={self.service_account_key()}",
            f"--root-ca-file={self.authority}",
            "--leader-elect=false",
            "--secure-port=0",
            # Nodes that are gone are noticed in seconds.
            "--node-monitor-grace-period=8s",
            "--node-monitor-period=1s",
        )
        self._server_of_node(
            "kube-scheduler",
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            "--secure-port=0",
        )

    def _start_dns(self) -> None:
        config = self.folder / "Corefile"
        config.write_text(_coredns(self.kubeconfig))
        server = self._server_of_node("coredns", "-conf", str(config))
        server.wait_until(_dns_answers, _TIMEOUT)

    def _start_node(self) -> None:
        self._state = self.folder / "node"
        self._state.mkdir()
        self._node.callback(leftovers.remove, self._state)
        self._socket = self._state / "containerd.sock"
        (self._state / "containerd.toml").write_text(_containerd(self._state, self._cni))
        (self._state / "kubelet.yaml").write_text(yaml.safe_dump(_kubelet(self._socket)))
        self._start_containerd()
        # Ended before what they leave is removed: alive, they would make more of it.
        self._node.callback(self._stop_containerd)
        with tempfile.TemporaryFile() as archive:
            archive.write(_pause_image())
            archive.seek(0)
            self.ctr("images", "import", "-", stdin=archive)
        self.start_kubelet()
        self._node.callback(self.stop_kubelet)
        self._server_of_node(
            "kube-proxy",
            f"--kubeconfig={self.kubeconfig}",
            "--proxy-mode=iptables",
            f"--hostname-override={NODE}",
            f"--cluster-cidr={SUBNET}",
            "--conntrack-max-per-core=0",
        )
        self._kubelet.wait_until(self._takes_pods, _TIMEOUT)

    def _start_containerd(self) -> None:
        config = str(self._state / "containerd.toml")
        self._containerd = self.server("containerd", _which("containerd"), "-c", config)
        self._containerd.wait_until(self._containerd_answers, _TIMEOUT)

    def _stop_containerd(self) -> None:
        self._containerd.stop()

    def _server_of_node(self, name: str, *arguments: str) -> Server:
        return self.server(name, str(self._node_binaries[name]), *arguments)

    def _containerd_answers(self) -> bool:
        try:
            return bool(self.ctr("version"))
        except AssertionError:
            return False

    def _kubelet_answers(self) -> bool:
        return not self.try_kubectl(
            "get", "--raw", f"/api/v1/nodes/{NODE}/proxy/healthz"
        ).returncode

    def _takes_pods(self) -> bool:
        return not self.try_kubectl("get", "serviceaccount", "default").returncode and (
            self.is_ready()
        )

    def _drain(self) -> None:
        """Have the kubelet take its pods down, with all that belongs to them."""
        everything = ("delete", "pods", "--all-namespaces", "--all", "--grace-period=1")
        self.try_kubectl(*everything, f"--timeout={_DRAIN}s")


@contextmanager
def _alone() -> Iterator[None]:
    """There is one network of that name on a machine."""
    with Path("/run/pipelinerun-test-node.lock").open("w") as lock:
        deadline = time.monotonic() + _TIMEOUT
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise ServerError("another node runs on this machine") from None
                time.sleep(1)
        yield


def _which(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise BuildError(f"{program} is missing")
    return path


def _containerd(state: Path, cni: Path) -> str:
    return f"""
version = 2
root = "{state}/containerd/root"
state = "{state}/containerd/state"
[grpc]
  address = "{state}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{_PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{cni}"
"""


def _dns_answers() -> bool:
    try:
        socket.create_connection((NODE_ADDRESS, _DNS_PORT), timeout=1).close()
    except OSError:
        return False
    return True


def _coredns(kubeconfig: Path) -> str:
    return f"""
{_DOMAIN} {{
  bind {NODE_ADDRESS}
  errors
  kubernetes {{
    kubeconfig {kubeconfig}
  }}
}}
"""


def _kubelet(socket: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{socket}",
        # Reached over the bridge alone: for logs and exec.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "evictionHard": {
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "memory.available": "100Mi",
        },
        "imageGCHighThresholdPercent": 100,
        # Containers that were killed are back at once, instead of after 10 s, 20 s, 40 s.
        "crashLoopBackOff": {"maxContainerRestartPeriod": "1s"},
        "resolvConf": "",
        "clusterDNS": [NODE_ADDRESS],
        "clusterDomain": _DOMAIN,
        "maxPods": 200,
    }


def _pause_image() -> bytes:
    """An image that sleeps, from the machine's static busybox, as ``docker save`` writes it."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        program = tarfile.TarInfo("bin/busybox")
        content = Path(_which("busybox")).read_bytes()
        program.size, program.mode = len(content), 0o755
        tar.addfile(program, io.BytesIO(content))
    digest = sha256(layer.getvalue()).hexdigest()
    config = json.dumps(
        {
            "architecture": "amd64" if os.uname().machine == "x86_64" else "arm64",
            "os": "linux",
            "config": {"Entrypoint": ["/bin/busybox", "sleep", "2147483647"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    manifest = [{"Config": "config.json", "RepoTags": [_PAUSE], "Layers": ["layer.tar"]}]
    image = io.BytesIO()
    with tarfile.open(fileobj=image, mode="w") as tar:
        for name, data in (
            ("layer.tar", layer.getvalue()),
            ("config.json", config),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return image.getvalue()
