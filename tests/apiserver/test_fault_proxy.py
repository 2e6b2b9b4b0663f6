"""The proxy of the chaos tests does what it says: otherwise they would prove nothing."""

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.cluster.controlplane import ControlPlane
from tests.support.fault_proxy import FaultProxy, Faults
from tests.support.waiting import wait_for

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
QUICK = 0.1


@pytest.fixture
def proxy(control_plane: ControlPlane, tmp_path: Path) -> Iterator[FaultProxy]:
    """A proxy that does nothing yet."""
    with FaultProxy(control_plane, tmp_path, Faults(), seed=1) as proxy:
        yield proxy
    control_plane.kubectl("delete", "configmaps", "--all", "-n", "default")
    names = {thread.name for thread in threading.enumerate()}
    assert "fault proxy" not in names


class Client:
    """Asks through a proxy, as the administrator."""

    def __init__(self, proxy: FaultProxy) -> None:
        config = yaml.safe_load(proxy.kubeconfig_for("admin").read_text())
        self._address = urlsplit(config["clusters"][0]["cluster"]["server"]).netloc
        self._token = config["users"][0]["user"]["token"]

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """Status and body; errors of the connection pass through."""
        connection = http.client.HTTPConnection(self._address, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def create(self, name: str) -> int:
        return self.ask("POST", CONFIGMAPS, {"metadata": {"name": name}})[0]

    def names(self) -> set[str]:
        _, text = self.ask("GET", CONFIGMAPS)
        return {item["metadata"]["name"] for item in json.loads(text)["items"]}


@pytest.mark.parametrize(
    ("fault", "faults", "code"),
    [
        ("conflict", Faults(conflict=1.0), 409),
        ("throttled", Faults(throttled=1.0), 429),
        ("failed", Faults(failed=1.0), 500),
    ],
)
def test_a_refused_write_is_not_done(
    proxy: FaultProxy, fault: str, faults: Faults, code: int
) -> None:
    client = Client(proxy)
    proxy.faults = faults
    assert client.create("refused") == code
    proxy.faults = Faults()
    assert "refused" not in client.names()
    assert proxy.injected == {fault: 1}


@pytest.mark.parametrize(
    ("faults", "done"),
    [
        (Faults(unheard=1.0, longest_silence=QUICK), False),
        (Faults(unanswered=1.0, longest_silence=QUICK), True),
    ],
)
def test_nobody_knows_what_became_of_a_write(proxy: FaultProxy, faults: Faults, done: bool) -> None:
    client = Client(proxy)
    proxy.faults = faults
    with pytest.raises(ConnectionError):
        client.create("unknown")
    proxy.faults = Faults()
    assert ("unknown" in client.names()) is done


def test_what_is_held_is_done_later(proxy: FaultProxy) -> None:
    client = Client(proxy)
    proxy.faults = Faults(held=1.0, only="POST /api/v1", longest_silence=QUICK)
    with pytest.raises(ConnectionError):
        client.create("held")
    assert "held" not in client.names()
    proxy.faults = Faults()
    wait_for(lambda: "held" in client.names())


def test_a_write_comes_late_even_if_nobody_waits_for_it(proxy: FaultProxy) -> None:
    client = Client(proxy)
    proxy.faults = Faults(late=1.0, unanswered=1.0, longest_delay=0.3, longest_silence=0.0)
    with pytest.raises(ConnectionError):
        client.create("late")
    proxy.faults = Faults()
    wait_for(lambda: "late" in client.names())


def test_only_listings_come_from_the_past(proxy: FaultProxy) -> None:
    client = Client(proxy)
    before = client.names()
    client.create("new")
    proxy.faults = Faults(stale=1.0)
    assert client.names() == before
    assert client.ask("GET", f"{CONFIGMAPS}/new")[0] == 200


def test_a_watch_breaks_in_the_middle_of_an_event(proxy: FaultProxy) -> None:
    client = Client(proxy)
    client.create("first")
    proxy.faults = Faults(dropped=1.0, delayed=1.0, longest_delay=QUICK)
    with pytest.raises((ConnectionError, http.client.IncompleteRead)):
        client.ask("GET", f"{CONFIGMAPS}?watch=true")
    assert proxy.injected == {"dropped": 1, "delayed": 1}


def test_a_watch_that_has_expired_says_so(proxy: FaultProxy) -> None:
    client = Client(proxy)
    proxy.faults = Faults(expired=1.0)
    _, text = client.ask("GET", f"{CONFIGMAPS}?watch=true")
    event = json.loads(text)
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
