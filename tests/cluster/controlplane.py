"""etcd and kube-apiserver on this machine, on loopback, without touching anybody's kubeconfig."""

import json
import os
import secrets
import socket
import ssl
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from urllib3 import PoolManager

from tests.cluster import binaries
from tests.cluster.processes import Server, ServerError
from tests.support.waiting import wait_for

NODE_USER = "system:node:node1"
USERS = {
    "admin": "system:masters",
    "pipelinerun-operator": "",
    "user": "",
    NODE_USER: "system:nodes",
}
"""Identities with a kubeconfig of their own, and their groups."""
_HOST = "127.0.0.1"
_TIMEOUT = 60.0
_TRIES = 3


class ControlPlane:
    """A control plane for the length of a ``with`` block: nothing of it is left afterwards.

    There is no controller manager and no node: objects are stored, validated and watched; nothing
    acts on them but the operator.
    """

    def __init__(self, *, address: str | None = None) -> None:
        """Prepare a control plane.

        Args:
            address: the node's, for a control plane that has one; loopback for one without.
        """
        self._address = address
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._binaries = binaries.provide()
        for remaining in reversed(range(_TRIES)):
            try:
                self._start()
            except ServerError:
                self._stack.close()
                # Another process may have taken a port between our look and the server's.
                if not remaining:
                    raise
            else:
                break
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def authority(self) -> Path:
        """Certificate of the API server, which is its own authority."""
        return self.folder / "pki" / "apiserver.crt"

    @property
    def kubeconfig(self) -> Path:
        """Credentials of the administrator."""
        return self.kubeconfig_for("admin")

    def kubeconfig_for(self, user: str) -> Path:
        """Credentials of one of ``USERS``."""
        return self.folder / f"{user}.kubeconfig"

    def kubectl(
        self, *arguments: str, stdin: str | None = None, user: str = "admin", check: bool = True
    ) -> str:
        """Run kubectl and return what it prints.

        Raises:
            AssertionError: it failed; the message is what it said.
        """
        done = self.try_kubectl(*arguments, stdin=stdin, user=user)
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def try_kubectl(
        self, *arguments: str, stdin: str | None = None, user: str = "admin"
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl, whatever comes of it."""
        return subprocess.run(
            [
                str(self._binaries.kubectl),
                "--kubeconfig",
                str(self.kubeconfig_for(user)),
                *arguments,
            ],
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def get(self, *arguments: str) -> dict[str, Any]:
        """An object or a list, parsed."""
        parsed: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return parsed

    def read(self, path: str, **query: str) -> dict[str, Any]:
        """An object or a list at a path of the API, parsed; for what is asked again and again.

        A process of kubectl takes fifty times as long, of the processor too.

        Raises:
            AssertionError: it was refused; the message is the answer.
        """
        answer = self._http.request("GET", f"{self.url}{path}", fields=query)
        if answer.status != HTTPStatus.OK:
            raise AssertionError(f"{path}: {answer.data.decode()}")
        parsed: dict[str, Any] = answer.json()
        return parsed

    def pods(self, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        """The pods of a namespace that have some labels."""
        path = f"/api/v1/namespaces/{namespace}/pods"
        return list(self.read(path, labelSelector=selector)["items"])

    def wait_established(self, *crds: str) -> None:
        """Wait until resources of some kinds can be created.

        Raises:
            TimeoutError: they cannot in time.
        """
        # Before there is any condition, `kubectl wait` fails instead of waiting.
        wait_for(lambda: all(map(self._is_established, crds)))

    def _is_established(self, crd: str) -> bool:
        conditions = self.get(crd).get("status", {}).get("conditions") or ()
        return any(it["type"] == "Established" and it["status"] == "True" for it in conditions)

    def audit_events(self) -> Iterator[dict[str, Any]]:
        """Every request that was answered, with ``user.username``, ``verb`` and ``objectRef``."""
        for line in (self.folder / "audit.log").read_text().splitlines():
            yield json.loads(line)

    def _start(self) -> None:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="kcp-")))
        etcd_port, peer_port, port = free_ports(3)
        self.url = f"https://{self._address or _HOST}:{port}"
        self._write_files()
        self._start_etcd(etcd_port, peer_port)
        self._start_apiserver(etcd_port, port)
        for user in USERS:
            self._write_kubeconfig(user)
        token = {"Authorization": f"Bearer {self._tokens['admin']}"}
        http = PoolManager(headers=token, ca_certs=str(self.authority))
        self._http = self._stack.enter_context(http)

    def _write_files(self) -> None:
        self._tokens = {user: secrets.token_hex(16) for user in USERS}
        lines = (f'{self._tokens[user]},{user},{user},"{group}"' for user, group in USERS.items())
        (self.folder / "tokens.csv").write_text("\n".join(lines))
        policy = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived", "ResponseStarted"],
            "rules": [{"level": "Metadata"}],
        }
        (self.folder / "audit.yaml").write_text(yaml.safe_dump(policy))
        (self.folder / "audit.log").touch()

    def _start_etcd(self, port: int, peer_port: int) -> None:
        client, peer = f"http://{_HOST}:{port}", f"http://{_HOST}:{peer_port}"
        server = self.server(
            "etcd",
            str(self._binaries.etcd),
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        )
        server.wait_until(lambda: _answers(f"{client}/health"), _TIMEOUT)

    def _start_apiserver(self, etcd_port: int, port: int) -> None:
        certificates = self.folder / "pki"
        server = self.server(
            "kube-apiserver",
            str(self._binaries.kube_apiserver),
            f"--etcd-servers=http://{_HOST}:{etcd_port}",
            *self._place(),
            f"--secure-port={port}",
            # It makes itself a certificate, which is its own authority.
            f"--cert-dir={certificates}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            f"--audit-policy-file={self.folder / 'audit.yaml'}",
            f"--audit-log-path={self.folder / 'audit.log'}",
            "--audit-log-mode=blocking",
            f"--service-account-issuer={self.url}",
            f"--service-account-key-file={self.service_account_key()}",
            f"--service-account-signing-key-file={self.service_account_key()}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--v=0",
        )
        server.wait_until(self._is_ready, _TIMEOUT)

    def _place(self) -> list[str]:
        if self._address is None:
            return [
                f"--bind-address={_HOST}",
                f"--advertise-address={_HOST}",
                "--endpoint-reconciler-type=none",
                "--authorization-mode=RBAC",
                # No controller makes the accounts that it asks for.
                "--disable-admission-plugins=ServiceAccount",
            ]
        return [
            f"--bind-address={self._address}",
            f"--advertise-address={self._address}",
            "--endpoint-reconciler-type=lease",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            # Names of nodes are nobody's to resolve.
            "--kubelet-preferred-address-types=InternalIP",
        ]

    def service_account_key(self) -> Path:
        """The key that tokens of service accounts are signed with."""
        path = self.folder / "service-account.key"
        if not path.exists():
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            path.write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.TraditionalOpenSSL,
                    serialization.NoEncryption(),
                )
            )
        return path

    def _is_ready(self) -> bool:
        if not self.authority.exists():
            return False
        context = ssl.create_default_context(cafile=str(self.authority))
        request = urllib.request.Request(
            f"{self.url}/readyz", headers={"Authorization": f"Bearer {self._tokens['admin']}"}
        )
        try:
            with urllib.request.urlopen(request, context=context, timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def _write_kubeconfig(self, user: str) -> None:
        name = "pipelinerun-test"
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
            "clusters": [
                {
                    "name": name,
                    "cluster": {"server": self.url, "certificate-authority": str(self.authority)},
                }
            ],
            "users": [{"name": user, "user": {"token": self._tokens[user]}}],
        }
        self.kubeconfig_for(user).write_text(yaml.safe_dump(document))

    def server(self, name: str, *command: str) -> Server:
        """Start a server that ends with the control plane."""
        server = Server(command, self.folder / f"{name}.log", parent=os.getpid())
        # Killed: nothing of it is kept, and an API server takes its time to say goodbye.
        self._stack.callback(server.kill)
        return server


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at present."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for it in sockets:
            it.bind((_HOST, 0))
        return [int(it.getsockname()[1]) for it in sockets]
    finally:
        for it in sockets:
            it.close()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False
