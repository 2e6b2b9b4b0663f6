"""Applying runs and looking at them."""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelinerun.api.names import API_VERSION
from tests.cluster.controlplane import ControlPlane
from tests.support.waiting import wait_for

Document = dict[str, Any]

TIMEOUT = 240.0
_POLL = 0.05

# One code for most runs: Ray starts processes of their own for each.
STEPS = """
import os, signal, sys, time
from pathlib import Path

def numbers(count=5, delay=0.0):
    for n in range(count):
        time.sleep(delay)
        yield {"n": n}

def square(row):
    return {"n": row["n"], "square": row["n"] ** 2}

def sleep(row, seconds, beat=None):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if beat:
            Path(beat).write_text(str(time.time()))
        time.sleep(0.05)
    return row

def witness(row, path, context):
    with open(path, "a") as file:
        file.write(f"{context.name} {context.attempt} {row['n']}\\n")
    return row

def wrong(row):
    raise ValueError(f"no {row['n']} please")

def wordy(row):
    raise ValueError("x" * 1_000_000)

def loud(row):
    print("x" * 50_000_000 * (row["n"] == 0))
    return row

def leave(row, code):
    sys.exit(code)

def leave_once(row, path, code, seconds):
    if not Path(path).exists():
        Path(path).write_text("")
        time.sleep(seconds)
        sys.exit(code)
    return row

def crash(row):
    os._exit(9)

def crash_driver():
    os._exit(9)

def kill_driver():
    os.kill(os.getpid(), signal.SIGKILL)

def drop(row):
    return None

def endless(pause=0.01, beat=None):
    n = 0
    while True:
        if beat:
            Path(beat).write_text(str(n))
        yield {"n": n}
        n += 1
        time.sleep(pause)

def stubborn(row):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    while True:
        time.sleep(1)
"""

SOURCE: Document = {"name": "numbers", "type": "source", "callable": "steps:numbers"}
SINK: Document = {"name": "end", "type": "sink", "callable": "steps:drop"}


def stage(name: str, callable_: str, **config: Any) -> Document:
    """A stage that is called per row."""
    return {"name": name, "callable": f"steps:{callable_}", "config": config}


def manifest(
    name: str, *middle: Document, namespace: str = "default", source: Document = SOURCE, **spec: Any
) -> Document:
    """A run of the steps above."""
    return {
        "apiVersion": API_VERSION,
        "kind": "PipelineRun",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "mode": "InProcess",
            "code": {"files": {"steps.py": STEPS}},
            "pipeline": {"stages": [source, *middle, SINK]},
            **spec,
        },
    }


class Runs:
    """Runs on a control plane."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._made: list[Mapping[str, Any]] = []

    def begin_test(self, *, again: bool) -> None:
        """From now on runs are made by a test; ``again`` if it made some before, and failed."""
        for document in self._made if again else ():
            for run in document.get("items", [document]):
                self._take_away(**run["metadata"])
        self._made.clear()

    def _take_away(self, name: str, namespace: str, **_: Any) -> None:
        """Delete a run with all that selectors find."""
        self._plane.kubectl("delete", "prun", name, "-n", namespace, "--ignore-not-found")
        pods = f"-lpipelinerun.dev/run={name}"
        self._plane.kubectl("delete", "pods", pods, "-n", namespace, "--grace-period=1")
        events = f"--field-selector=involvedObject.name={name}"
        self._plane.kubectl("delete", "events", events, "-n", namespace)

    def apply(self, document: Mapping[str, Any]) -> None:
        """``kubectl apply``."""
        self._made.append(document)
        self._plane.kubectl("apply", "-f", "-", stdin=json.dumps(document))

    def create(self, document: Mapping[str, Any]) -> None:
        """``kubectl create``, for what is too large for the annotation that apply adds."""
        self._made.append(document)
        self._plane.kubectl("create", "-f", "-", stdin=json.dumps(document))

    def get(self, name: str, namespace: str = "default") -> Document:
        """The whole object."""
        return self._plane.read(f"{_path(namespace)}/{name}")

    def status(self, name: str, namespace: str = "default") -> Document:
        """Its status; empty while there is none."""
        status: Document = self.get(name, namespace).get("status", {})
        return status

    def wait(
        self,
        name: str,
        until: Callable[[Document], bool],
        namespace: str = "default",
        timeout: float = TIMEOUT,
    ) -> Document:
        """Wait until the status fulfils a condition, and return it."""
        deadline = time.monotonic() + timeout
        while not until(status := self.status(name, namespace)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} after {timeout:.0f} s: {json.dumps(status, indent=1)}")
            time.sleep(_POLL)
        return status

    def finish(self, document: Mapping[str, Any]) -> Document:
        """Apply a run, wait for its end and return its status."""
        self.apply(document)
        metadata = document["metadata"]
        return self.wait(metadata["name"], is_finished, metadata["namespace"])

    def change(self, name: str, namespace: str = "default", **spec: Any) -> None:
        """Change fields of the spec; None takes one away."""
        patch = json.dumps({"spec": spec})
        arguments = ("patch", "prun", name, "-n", namespace, "--type=merge", "-p", patch)
        self._plane.kubectl(*arguments)

    def delete(self, name: str, namespace: str = "default", *, missing_ok: bool = False) -> None:
        """``kubectl delete``."""
        arguments = ("delete", "pipelinerun", name, "-n", namespace)
        self._plane.kubectl(*arguments, f"--ignore-not-found={str(missing_ok).lower()}")

    def names(self, namespace: str = "default") -> list[str]:
        """The runs that there are."""
        items = self._plane.read(_path(namespace))["items"]
        return sorted(item["metadata"]["name"] for item in items)

    def exists(self, name: str, namespace: str = "default") -> bool:
        """Whether there is a run of that name."""
        return name in self.names(namespace)

    def events(self, name: str, namespace: str = "default") -> list[tuple[str, str]]:
        """Type and reason of its Events, in the order in which they were made."""
        path = f"/api/v1/namespaces/{namespace}/events"
        items = self._plane.read(path, fieldSelector=f"involvedObject.name={name}")["items"]
        items.sort(key=lambda item: int(item["metadata"]["resourceVersion"]))
        return [(item["type"], item["reason"]) for item in items]

    def wait_told(self, name: str, *reasons: str, namespace: str = "default") -> None:
        """Wait until these are the reasons of its Events: they are told after the status."""
        wait_for(lambda: [reason for _, reason in self.events(name, namespace)] == [*reasons])

    def writes(self, user: str, name: str | None = None) -> Counter[str]:
        """Writes of an identity so far, as the API server's audit log has them; leases aside.

        ``name``: only those to objects of that name.
        """
        return Counter(
            f"{event['verb']} {'/'.join(part for part in parts if part)}"
            for event in self._plane.audit_events()
            if event["user"]["username"] == user
            and event["verb"] not in {"get", "list", "watch"}
            and (parts := (event["objectRef"]["resource"], event["objectRef"].get("subresource")))
            and parts[0] != "leases"
            and name in (None, event["objectRef"].get("name"))
        )


def _path(namespace: str) -> str:
    return f"/apis/{API_VERSION}/namespaces/{namespace}/pipelineruns"


def is_finished(status: Mapping[str, Any]) -> bool:
    """Whether a status is terminal."""
    return status.get("phase") in {"Succeeded", "Failed", "Cancelled"}


def in_phase(phase: str) -> Callable[[Document], bool]:
    """A condition for ``Runs.wait``."""
    return lambda status: status.get("phase") == phase


def reasons(status: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Status and reason of each condition."""
    conditions: Sequence[Document] = status.get("conditions", [])
    return {it["type"]: (it["status"], it["reason"]) for it in conditions}
