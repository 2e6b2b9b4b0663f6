"""One manifest ends with one number: in its pod, in its status and on the command line."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.node import Cluster
from tests.support.installation import WORKERS as NAMESPACE
from tests.support.runs import Document, Runs, is_finished, manifest, stage

pytestmark = [pytest.mark.usefixtures("operator"), pytest.mark.timeout(900)]

ENDINGS = """
import ctypes, os, sys, time

def say(row):
    sys.exit("these rows are no good")

def overflow(row):
    sys.exit(300)

def segfault(row):
    ctypes.string_at(0)

def exhaust(row):
    raise MemoryError("no room for this row")

def end_driver(signum):
    os.kill(os.getpid(), signum)
    time.sleep(5)  # a signal may be told a moment later
    raise RuntimeError("still here")

def not_rows():
    return 42

class Broken:
    def __init__(self):
        raise RuntimeError("cannot be made")

    def __call__(self, row):
        return row
"""
SINK_THAT_FAILS: Document = {"name": "end", "type": "sink", "callable": "steps:wrong"}


def endings(name: str, **config: Any) -> Document:
    """A stage from the steps above."""
    return {"name": name, "callable": f"endings:{name}", "config": config}


def source(callable_: str, **config: Any) -> Document:
    return {"name": "numbers", "type": "source", "callable": callable_, "config": config}


def run(name: str, *middle: Document, sink: Document | None = None, **fields: Any) -> Document:
    once = {"infrastructureLimit": 0}
    given = {"namespace": NAMESPACE, "mode": "Subprocess", "retries": once, **fields}
    document = manifest(f"ends-{name}", *middle, **given)
    document["spec"]["code"]["files"]["endings.py"] = ENDINGS
    if sink is not None:
        document["spec"]["pipeline"]["stages"][-1] = sink
    return document


def killed(signum: int) -> Document:
    return source("endings:end_driver", signum=signum)


TABLE: dict[str, tuple[Document, int, str | None]] = {
    "success": (run("success", stage("square", "square")), 0, None),
    "exception": (run("exception", stage("wrong", "wrong")), 1, "User"),
    "exception-in-sink": (run("exception-in-sink", sink=SINK_THAT_FAILS), 1, "User"),
    "exception-in-constructor": (
        run("exception-in-constructor", {"name": "broken", "actor": "endings:Broken"}),
        1,
        "User",
    ),
    "no-memory": (run("no-memory", endings("exhaust")), 137, "OutOfMemory"),
    "sys-exit": (run("sys-exit", stage("leave", "leave", code=7)), 7, "User"),
    "sys-exit-0": (run("sys-exit-0", stage("leave", "leave", code=0)), 1, "User"),
    "sys-exit-300": (run("sys-exit-300", endings("overflow")), 300 % 256, "User"),
    "sys-exit-text": (run("sys-exit-text", endings("say")), 1, "User"),
    "os-exit": (run("os-exit", stage("crash", "crash")), 1, "User"),
    "segmentation-fault": (run("segmentation-fault", endings("segfault")), 1, "User"),
    "no-function": (run("no-function", stage("missing", "missing")), 2, "Config"),
    "too-large": (
        run("too-large", {**stage("square", "square"), "resources": {"cpus": 1000}}),
        2,
        "Config",
    ),
    "not-rows": (run("not-rows", source=source("endings:not_rows")), 1, "User"),
    "driver-exits": (run("driver-exits", source=source("steps:crash_driver")), 9, "User"),
    "driver-sigsegv": (run("driver-sigsegv", source=killed(11)), 139, "User"),
    "driver-sigterm": (run("driver-sigterm", source=killed(15)), 143, "Cancelled"),
    "driver-sigkill": (run("driver-sigkill", source=killed(9)), 137, "Infrastructure"),
}
"""By name: the run, its exit code and the class of its failure."""
ON_THE_COMMAND_LINE = (
    *("success", "exception", "no-memory", "sys-exit", "no-function"),
    *("driver-sigsegv", "driver-sigterm"),
)
"""One of every class and kind of code: from the outcome on the command's way is one for all."""


@pytest.fixture(scope="module")
def applied(runs: Runs) -> None:
    """All of them at once: the node takes as many as it has room for."""
    for document, _, _ in TABLE.values():
        runs.apply(document)


@pytest.fixture(scope="module")
def from_the_command_line(
    applied: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, int]]:
    """The exit codes of ``pipelinerun run`` for the same manifests."""
    del applied  # the pods are at work meanwhile
    folder = tmp_path_factory.mktemp("manifests")
    with ThreadPoolExecutor(1) as pool:
        codes = pool.map(lambda name: _exit_code(folder, name), ON_THE_COMMAND_LINE)
        yield dict(zip(ON_THE_COMMAND_LINE, codes, strict=True))


def _exit_code(folder: Path, name: str) -> int:
    file = folder / f"{name}.yaml"
    file.write_text(json.dumps(TABLE[name][0]))
    command = [sys.executable, "-m", "pipelinerun", "run", str(file)]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode


@pytest.mark.parametrize("name", TABLE)
def test_an_ending_is_the_same_number_everywhere(
    cluster: Cluster, runs: Runs, from_the_command_line: dict[str, int], name: str
) -> None:
    document, exit_code, kind = TABLE[name]
    run_name = document["metadata"]["name"]
    status = runs.wait(run_name, is_finished, NAMESPACE)
    (pod,) = cluster.pods(NAMESPACE, f"pipelinerun.dev/run={run_name}")
    (state,) = pod["status"]["containerStatuses"]
    found = {"status": status["exitCode"], "pod": state["state"]["terminated"]["exitCode"]}
    if name in from_the_command_line:
        found["command line"] = from_the_command_line[name]
    assert found == dict.fromkeys(found, exit_code), status
    assert status.get("failure", {}).get("class") == kind, status
