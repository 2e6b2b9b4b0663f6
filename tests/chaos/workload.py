"""Two hundred runs of both modes that end in every way, and how each of them has to end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tests.chaos.witness import Witness
from tests.support.runs import Document

Ending = Literal["success", "exception", "exit", "second", "kill", "cancel"]
Kind = Literal["in-process", "script", "pod"]

MOUNT = "/witness"
RETRY_SOON = {"initialSeconds": 0.2, "maxSeconds": 1}
SMALL = {"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}}

STEPS = '''
import os, signal, sys, time

def say(path, context, what):
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    line = f"{context.uid} {context.attempt} {what} {time.time()}\\n"
    os.write(descriptor, line.encode())
    os.close(descriptor)

def work(path, seconds, ending, context):
    """Not a generator: it runs in the driver."""
    say(path, context, "start")
    time.sleep(seconds)
    say(path, context, "end")
    if ending == "exception" or (ending == "second" and context.attempt < 2):
        raise ValueError("as ordered")
    if ending == "exit":
        sys.exit(7)
    if ending == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    return [{"n": 1}]

def linger(path, seconds, ending, context):
    say(path, context, "start")
    yield {"n": 1}
    while not context.stopping:
        time.sleep(0.05)
    say(path, context, "end")

def drop(row):
    return None
'''

SCRIPT = f"""
say() {{ echo "$RUN $ATTEMPT $1 $(date +%s.%N)" >> {MOUNT}/lines; }}
trap 'say end; exit 143' TERM
say start
sleep "$LENGTH" & wait $!
say end
case "$ENDING" in
  exception) exit 1;;
  exit) exit 7;;
  second) [ "$ATTEMPT" -ge 2 ];;
  kill) sleep 60 & kill -9 $!; wait $!;;
esac
"""

SHARES: dict[Kind, dict[Ending, int]] = {
    "in-process": {
        "success": 54,
        "exception": 10,
        "exit": 10,
        "second": 10,
        "kill": 4,
        "cancel": 6,
    },
    "script": {
        "success": 52,
        "exception": 12,
        "exit": 12,
        "second": 12,
        "kill": 6,
        "cancel": 6,
    },
    "pod": {"success": 1, "exception": 1, "exit": 1, "second": 1, "kill": 1, "cancel": 1},
}
"""How many runs of each kind end in which way: on the operator's Ray; as a script in place of the
worker, which says what a pipeline says and takes no time; as a pipeline in a pod with a Ray."""


@dataclass(frozen=True)
class Expected:
    """How a run has to end.

    Attributes:
        phase: of the run.
        exit_codes: one of them.
        attempts: in pods exactly so many; on the operator's Ray at least, since an attempt is lost
            there if the operator is killed after recording and before starting it. None: it
            depends on the moment.
    """

    phase: str
    exit_codes: frozenset[int]
    attempts: int | None = 1

    def fits(self, status: Mapping[str, Any]) -> bool:
        """Whether a status is of such an end."""
        within = status.get("attempt", 0) >= (self.attempts or 0)
        return within and status["phase"] == self.phase and status["exitCode"] in self.exit_codes


EXPECTED: dict[Ending, Expected] = {
    "success": Expected("Succeeded", frozenset({0})),
    "exception": Expected("Failed", frozenset({1})),
    "exit": Expected("Failed", frozenset({7})),
    "second": Expected("Succeeded", frozenset({0}), attempts=2),
    "kill": Expected("Failed", frozenset({137}), attempts=2),
    # One that is told to end before it hears signals is killed after its grace.
    "cancel": Expected("Cancelled", frozenset({143, 137}), attempts=None),
}


@dataclass(frozen=True)
class Member:
    """One run of the workload."""

    name: str
    kind: Kind
    ending: Ending
    manifest: Document

    @property
    def in_pods(self) -> bool:
        """Whether each attempt has a pod."""
        return self.kind != "in-process"

    @property
    def expected(self) -> Expected:
        """How it has to end."""
        return EXPECTED[self.ending]


def workload(namespace: str, witness: Witness) -> list[Member]:
    """All runs, those of one kind and ending after one another."""
    return [
        Member(name, kind, ending, _manifest(name, namespace, kind, ending, witness))
        for kind, endings in SHARES.items()
        for ending, count in endings.items()
        for name in (f"{kind}-{ending}-{number}" for number in range(count))
    ]


def _manifest(name: str, namespace: str, kind: Kind, ending: Ending, witness: Witness) -> Document:
    limits = {
        "limit": 1 if ending == "second" else 0,
        # The operator is killed: what is lost with it must not end the run.
        "infrastructureLimit": 1 if ending == "kill" else 1000,
        "backoff": RETRY_SOON,
    }
    spec: dict[str, Any] = {
        "mode": "InProcess" if kind == "in-process" else "Subprocess",
        "code": {"files": {"steps.py": STEPS}},
        "pipeline": {"stages": list(_stages(kind, ending, witness))},
        "retries": limits,
        "terminationGracePeriodSeconds": 10,
    }
    if kind != "in-process":
        spec["podTemplate"] = {"spec": _pod(kind, ending, witness)}
    return {
        "apiVersion": "pipelinerun.dev/v1alpha1",
        "kind": "PipelineRun",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def _stages(kind: Kind, ending: Ending, witness: Witness) -> Iterator[Document]:
    path = str(witness.path) if kind == "in-process" else f"{MOUNT}/{witness.path.name}"
    config = {"path": path, "seconds": 0.2, "ending": ending}
    function = "linger" if ending == "cancel" else "work"
    yield {
        "name": "work",
        "type": "source",
        "callable": f"steps:{function}",
        "config": config,
    }
    yield {"name": "end", "type": "sink", "callable": "steps:drop"}


def _pod(kind: Kind, ending: Ending, witness: Witness) -> Document:
    container: dict[str, Any] = {
        "name": "pipeline",
        "volumeMounts": [{"name": "witness", "mountPath": MOUNT}],
    }
    if kind == "script":
        container |= {
            "command": ["sh", "-c", SCRIPT],
            "resources": SMALL,
            "env": [
                {"name": "ENDING", "value": ending},
                {"name": "LENGTH", "value": "600" if ending == "cancel" else "0.2"},
                _from_label("RUN", "pipelinerun.dev/run-uid"),
                _from_label("ATTEMPT", "pipelinerun.dev/attempt"),
            ],
        }
    volume = {"name": "witness", "hostPath": {"path": str(witness.folder)}}
    return {"containers": [container], "volumes": [volume]}


def _from_label(name: str, label: str) -> Document:
    return {
        "name": name,
        "valueFrom": {"fieldRef": {"fieldPath": f"metadata.labels['{label}']"}},
    }
