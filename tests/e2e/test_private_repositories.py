"""Code from private Git repositories, with credentials that worker pods get from Secrets."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cluster.network import NODE_ADDRESS
from tests.cluster.node import Cluster
from tests.support.installation import WORKERS as NAMESPACE
from tests.support.repositories import commit, served
from tests.support.runs import Document, Runs, is_finished, manifest
from tests.support.ssh_server import served_over_ssh

pytestmark = pytest.mark.usefixtures("operator")

LEAVE = "import sys\n\ndef leave(row):\n    sys.exit(17)\n"


def provide(cluster: Cluster, name: str, kind: str, data: Mapping[str, str]) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "type": f"kubernetes.io/{kind}",
        "stringData": dict(data),
    }
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(secret))


def ended(runs: Runs, url: str, *secrets: str) -> list[Document]:
    """The status of runs, at the same time, whose code is there; each is named after its Secret."""
    for secret in secrets:
        work = {"name": "work", "callable": "private:leave"}
        document = manifest(secret, work, namespace=NAMESPACE, mode="Subprocess")
        document["spec"]["code"]["git"] = {"url": url, "secretRef": secret}
        runs.apply(document)
    return [runs.wait(it, is_finished, NAMESPACE) for it in secrets]


def told_of(cluster: Cluster, name: str, status: Document) -> str:
    """All that somebody can read of a run who may not read its Secrets."""
    log = cluster.kubectl("logs", "-n", NAMESPACE, f"-lpipelinerun.dev/run={name}", "--tail=-1")
    events = cluster.kubectl("get", "events", "-n", NAMESPACE, "-o", "json")
    return json.dumps(status) + events + log


def test_a_password_from_a_secret(cluster: Cluster, runs: Runs, tmp_path: Path) -> None:
    made = commit(tmp_path, {"private.py": LEAVE})
    for name, password in (("password", "right-of-reading"), ("wrong-password", "wrong-guess")):
        given = {"username": "reader", "password": password}
        provide(cluster, name, "basic-auth", given)
    with served(tmp_path, ("reader", "right-of-reading"), NODE_ADDRESS) as url:
        right, wrong = ended(runs, url, "password", "wrong-password")
    assert (right["exitCode"], right["attempts"][0]["commit"]) == (17, made), right
    assert (wrong["exitCode"], wrong["failure"]["class"], wrong["attempt"]) == (2, "Config", 1)
    assert wrong["failure"]["message"] == f"code.git: {url} wants another user and password"
    assert "right-of-reading" not in told_of(cluster, "password", right)
    assert "wrong-guess" not in told_of(cluster, "wrong-password", wrong)


def test_a_key_from_a_secret(cluster: Cluster, runs: Runs, tmp_path: Path) -> None:
    made = commit(tmp_path, {"private.py": LEAVE})
    with served_over_ssh(tmp_path, NODE_ADDRESS) as access:
        key = {"ssh-privatekey": access.key}
        provide(cluster, "key", "ssh-auth", {**key, "known_hosts": access.known_hosts})
        provide(cluster, "key-alone", "ssh-auth", key)
        right, alone = ended(runs, access.url, "key", "key-alone")
    assert (right["exitCode"], right["attempts"][0]["commit"]) == (17, made), right
    assert (alone["exitCode"], alone["failure"]["class"], alone["attempt"]) == (2, "Config", 1)
    assert "in known_hosts of Secret key-alone" in alone["failure"]["message"]
    for name, status in (("key", right), ("key-alone", alone)):
        told = told_of(cluster, name, status)
        assert not [line for line in access.key.splitlines() if line in told]
