"""The control plane that the other tests stand on."""

import psutil
import pytest

from tests.cluster.controlplane import ControlPlane


def test_requests_are_logged_by_identity(cluster: ControlPlane) -> None:
    refused = cluster.try_kubectl("create", "namespace", "mine", user="user")
    assert "forbidden" in refused.stderr
    verbs = [
        (event["verb"], event["responseStatus"]["code"])
        for event in cluster.audit_events()
        if event["user"]["username"] == "user" and event["verb"] == "create"
    ]
    assert ("create", 403) in verbs


@pytest.mark.usefixtures("control_plane")
def test_nothing_is_left_when_it_ends() -> None:
    with ControlPlane() as plane:
        folder = plane.folder
        started = [it for it in psutil.process_iter(["cmdline"]) if names(it, str(folder))]
        assert len(started) == 2
        assert "default" in plane.kubectl("get", "namespaces")
    assert not folder.exists()
    assert not any(it.is_running() for it in started)


def names(process: psutil.Process, text: str) -> bool:
    return any(text in word for word in process.info["cmdline"] or [])
