"""The logs of an operator and its gateway: every line with the run that it is of."""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelinerun.controller.inprocess.lines import Line, read
from pipelinerun.controller.subject import Subject
from tests.apiserver.conftest import OPERATOR
from tests.cluster.controlplane import ControlPlane
from tests.support.gateway import GatewayProcess
from tests.support.operator import OperatorProcess, running_operator
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest, stage
from tests.support.waiting import wait_for

NAMESPACE = "output"
TALK = """
import logging, os, subprocess, sys, threading, time

print("loaded")

def talk(row, times=1):
    for n in range(times):
        print(f"row {row['n']} line {n}")
    return row

def every_way(row, context):
    context.logger.info("noted")
    print("to stderr", file=sys.stderr)
    os.write(1, b"written\\n")
    subprocess.run(["echo", "grandchild"])
    print("no end", end="")
    return row

class Counter:
    def __init__(self):
        threading.Thread(target=self.count, daemon=True).start()

    def count(self):
        print("from a thread")

    def __call__(self, row):
        return row

def numbers():
    print("the driver reads")
    return [{"n": n} for n in range(3)]

def crash(row):
    print("last words")
    os._exit(9)

def long(row):
    print("äbcde"[row["n"]] * 300_000)
    return row

def pause(row, go):
    while not os.path.exists(go):
        time.sleep(0.05)
    print(f"row {row['n']} goes on")
    return row

def last(context):
    print("at last", end="")
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway that logs JSON."""
    folder = tmp_path_factory.mktemp("g") / "g"
    with GatewayProcess(folder, "--log-format", "json") as process:
        yield process


@pytest.fixture(scope="module")
def json_operator(
    cluster: ControlPlane, gateway: GatewayProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """An operator beside it."""
    cluster.kubectl("create", "namespace", NAMESPACE)
    options = ["-n", NAMESPACE, "--in-process-namespace", NAMESPACE, "--log-format", "json"]
    options += ["--gateway", str(gateway.socket), "-v"]
    log = tmp_path_factory.mktemp("json-operator") / "operator.log"
    with running_operator(cluster.kubeconfig_for(OPERATOR), log, options) as process:
        yield process


def run(name: str, *middle: Document, **spec: Any) -> Document:
    document = manifest(name, *middle, namespace=NAMESPACE, **spec)
    document["spec"]["code"]["files"]["talk.py"] = TALK
    return document


def talking(name: str, what: str, **config: object) -> Document:
    return {"name": name, "callable": f"talk:{what}", "config": config}


def uid_of(runs: Runs, name: str) -> str:
    """What tells a run from those of its name before it."""
    return str(runs.get(name, NAMESPACE)["metadata"]["uid"])


def printed(gateway: GatewayProcess, uid: str) -> list[Line]:
    """The lines of a run, long ones whole, in the order in which the log has them."""
    found: list[Line] = []
    begun: dict[tuple[Subject, str | None, str], str] = {}
    for text in gateway.log.read_text().splitlines():
        line = read(text)
        if line is None or line.subject.uid != uid:
            continue
        source = line.subject, line.stage, line.stream
        whole = begun.pop(source, "") + line.text
        if line.goes_on:
            begun[source] = whole
        else:
            found.append(replace(line, text=whole))
    return [*found, *(Line(*source, text) for source, text in begun.items())]


def texts(lines: list[Line], attempt: int, stage: str | None) -> list[str]:
    """What a stage of an attempt has printed, but for what Ray says on its behalf."""
    its = [it for it in lines if (it.subject.attempt, it.stage) == (attempt, stage)]
    return [it.text for it in its if "core_worker" not in it.text]


def test_each_line_that_a_run_prints_has_its_attempt_and_its_stage(
    runs: Runs, gateway: GatewayProcess, json_operator: OperatorProcess
) -> None:
    counter = {"name": "count", "actor": "talk:Counter"}
    source = {"name": "read", "type": "source", "callable": "talk:numbers"}
    # In a process of its own: in that of the class, what the thread prints late would count as its.
    wrong = stage("wrong", "wrong") | {"resources": {"cpus": 1}}
    middle = (talking("ways", "every_way"), talking("talk", "talk"), counter)
    document = run(
        "told-apart",
        *middle,
        wrong,
        source=source,
        retries={"limit": 1, "backoff": {"initialSeconds": 0.1}},
    )
    document["spec"]["pipeline"]["finally"] = [{"name": "last", "callable": "talk:last"}]
    status = runs.finish(document)
    assert "raise ValueError" in status["failure"]["tail"]
    uid = uid_of(runs, "told-apart")
    # All of it is in the log before the end is in the status.
    lines = printed(gateway, uid)
    for attempt in (1, 2):
        assert texts(lines, attempt, None) == ["loaded"]
        assert texts(lines, attempt, "read") == ["the driver reads"]
        assert "row 0 line 0" in texts(lines, attempt, "talk")
        assert texts(lines, attempt, "count") == ["from a thread"]
        assert texts(lines, attempt, "wrong") == []
        ways = [it for it in lines if (it.subject.attempt, it.stage) == (attempt, "ways")]
        assert {it.text for it in ways if it.stream == "stderr"} == {
            "noted",
            "to stderr",
        }
        assert {"written", "grandchild"} <= {it.text for it in ways if it.stream == "stdout"}
        assert any(it.text.startswith("no end") for it in ways)
    assert texts(lines, -1, "last")[-1] == "at last"
    assert {it.subject.namespace for it in lines} == {NAMESPACE}

    records = [json.loads(line) for line in json_operator.log.read_text().splitlines()]
    about = [it for it in records if it.get("run") == "told-apart" and it["uid"] == uid]
    steps = [it["message"].partition(":")[0] for it in about]
    assert [it for it in steps if it != "Running"] == [
        *("Starting", "Pending", "Starting", "Finishing", "Failed"),
    ]
    numbers = [it.get("attempt") for it in about if it["message"].startswith(("St", "Fa"))]
    assert numbers == [1, 2, 2]
    assert [it["finally"] for it in about if "finally" in it] == [1]
    assert {it["namespace"] for it in about} == {NAMESPACE}


@pytest.mark.usefixtures("json_operator")
def test_runs_with_the_same_code_at_the_same_time_keep_their_lines_whole_and_complete(
    runs: Runs, gateway: GatewayProcess
) -> None:
    names = ("chatty-a", "chatty-b")
    for name in names:
        talk = talking("talk", "talk", times=5000)
        runs.apply(run(name, talk, talking("long", "long")))
    for name in names:
        assert runs.wait(name, is_finished, NAMESPACE)["exitCode"] == 0
        lines = printed(gateway, uid_of(runs, name))
        said = [f"row {row} line {n}" for row in range(5) for n in range(5000)]
        # Which of the two has loaded the code in a process depends on who was there first.
        heard = Counter(it for it in texts(lines, 1, "talk") if it != "loaded")
        assert (heard - Counter(said), Counter(said) - heard) == ({}, {})
        long = [it for it in texts(lines, 1, "long") if it != "loaded"]
        assert sorted((len(it), *{*it}) for it in long) == [(300_000, it) for it in "bcdeä"]


def test_the_last_lines_of_a_stage_that_crashes_are_in_the_status(
    runs: Runs, json_operator: OperatorProcess
) -> None:
    json_operator.check_alive()
    status = runs.finish(run("crashed", talking("crash", "crash"), stage("after", "square")))
    assert status["failure"]["stage"] == "crash", status
    assert "last words" in status["failure"]["tail"]


def test_what_a_run_prints_while_the_operator_is_away_is_its_own(
    runs: Runs, gateway: GatewayProcess, json_operator: OperatorProcess, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    runs.apply(run("left-alone", talking("pause", "pause", go=str(go))))
    runs.wait("left-alone", in_phase("Running"), NAMESPACE)
    times = json_operator.ready_times()
    json_operator.stop(signal.SIGKILL)
    go.touch()
    said = [f"row {n} goes on" for n in range(5)]
    uid = uid_of(runs, "left-alone")
    wait_for(lambda: texts(printed(gateway, uid), 1, "pause")[-5:] == said)
    json_operator.start()
    json_operator.wait_ready(times + 1)
    status = runs.wait("left-alone", is_finished, NAMESPACE)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 1)
