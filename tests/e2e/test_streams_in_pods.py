"""Streams on a real node, as users run them: for a while, and then drained."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.node import Cluster
from tests.support.cli import CommandLine
from tests.support.examples import example
from tests.support.installation import ACCOUNT, IN_PROCESS, WORKERS
from tests.support.pods import PATIENCE
from tests.support.runs import Document, Runs, is_finished
from tests.support.sending import Sender
from tests.support.volumes import claim, mounted
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("operator")

TALK = """
import time

def numbers(context):
    number = 0
    while not context.stopping:
        yield {"number": number}
        number += 1
        time.sleep(0.02)

def say(row):
    print(row.get("file", row.get("number")))
    return row
"""
SAY: Document = {"name": "say", "callable": "talk:say"}


def stream(name: str, namespace: str, **spec: Any) -> Document:
    return {
        "apiVersion": "pipelinerun.dev/v1alpha1",
        "kind": "PipelineRun",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def watched_folder(claimed: str) -> Document:
    """The example, with a stage that prints between its source and its sink."""
    spec = example("folder").spec.model_dump(by_alias=True, exclude_defaults=True)
    spec["pipeline"]["stages"].insert(1, SAY)
    spec["code"]["files"]["talk.py"] = TALK
    values = {"folder": "/data/in", "output": "/data/kept.jsonl"}
    return stream(
        "folder",
        WORKERS,
        **spec,
        params=[{"name": name, "value": value} for name, value in values.items()],
        podTemplate=mounted(claimed, "/data"),
    )


def kept(status: Document) -> int:
    """How many rows have reached the sink, by a status."""
    return int(status["stages"][-1]["rowsIn"]) if status.get("stages") else 0


def test_messages_are_counted_while_they_come_and_none_is_lost_or_doubled(
    cluster: Cluster, runs: Runs, tmp_path: Path
) -> None:
    commands = CommandLine(cluster)
    data = tmp_path / "data"
    folder = data / "in"
    folder.mkdir(parents=True)
    folder.chmod(0o777)

    def send(number: int) -> None:
        file = tmp_path / str(number)
        file.write_text(f"message {number}")
        file.rename(folder / file.name)

    before = runs.writes(ACCOUNT, "folder")
    with claim(cluster, WORKERS, data) as claimed, Sender(send, pause=0.05) as sender:
        runs.apply(watched_folder(claimed))
        first = runs.wait("folder", lambda it: kept(it) > 0, WORKERS, PATIENCE)
        with commands.started("logs", "folder", "-f", "-n", WORKERS) as logs:
            later = runs.wait("folder", lambda it: kept(it) > kept(first), WORKERS)
            assert later["phase"] == "Running"
            table = commands.says("list", "-n", WORKERS)
            assert any(line.split()[:2] == ["folder", "Running"] for line in table.splitlines())
            commands.says("cancel", "folder", "--drain", "-n", WORKERS)
            said = commands.says("wait", "folder", "-n", WORKERS)
            printed, _ = logs.communicate(timeout=PATIENCE)
    assert "Cancelled, exit code 0" in said
    status = runs.status("folder", WORKERS)
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 0), status
    arrived = [json.loads(line)["file"] for line in (data / "kept.jsonl").read_text().splitlines()]
    waiting = [it.name for it in folder.iterdir() if it.is_file()]
    assert sorted(map(int, arrived + waiting)) == [*range(sender.sent)]
    count = len(arrived)
    assert [(it["rowsIn"], it["rowsOut"]) for it in status["stages"]] == [
        (0, count),
        (count, count),
        (count, 0),
    ]
    assert logs.returncode == 0
    lines = printed.splitlines()
    assert sorted(it for it in lines if it.isdigit()) == sorted(arrived)
    # At most one in ten seconds, besides the start, the first sights of it and the end.
    writes = runs.writes(ACCOUNT, "folder") - before
    assert writes["update pipelineruns/status"] <= 6 + status["elapsedSeconds"] / 10


def test_a_stream_in_process_is_drained_as_well(cluster: Cluster, runs: Runs) -> None:
    commands = CommandLine(cluster)
    numbers = {"name": "numbers", "type": "source", "callable": "talk:numbers"}
    pipeline = {"stages": [numbers, {**SAY, "type": "sink"}]}
    code = {"files": {"talk.py": TALK}}
    runs.apply(stream("numbers", IN_PROCESS, mode="InProcess", code=code, pipeline=pipeline))

    def lines() -> list[str]:
        return commands.run("logs", "numbers", "-n", IN_PROCESS).stdout.splitlines()

    wait_for(lambda: len(lines()) > 10, PATIENCE, poll=0.5)
    runs.change("numbers", IN_PROCESS, shutdown="Drain")
    status = runs.wait("numbers", is_finished, IN_PROCESS)
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 0), status
    assert lines() == [str(number) for number in range(kept(status))]
