"""What runs have printed, by ``pipelinerun logs``, out of the logs of real containers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.node import Cluster
from tests.support.cli import CommandLine
from tests.support.installation import IN_PROCESS, WORKERS, Installation
from tests.support.runs import Document, Runs, manifest

pytestmark = pytest.mark.usefixtures("operator")

SAY = """
import sys

def say(row, context, times=1):
    for n in range(times):
        print(f"attempt {context.attempt} row {row['n']} line {n}")
    return row

def fail_at_first(row, context):
    if context.attempt == 1:
        print("it goes wrong", file=sys.stderr)
        raise ValueError(row["n"])
    return row

def last(context):
    print("at last", context.outcome.exit_code, end="")
"""
RETRIES = {"limit": 1, "backoff": {"initialSeconds": 0.1}}


@pytest.fixture(scope="module")
def commands(cluster: Cluster) -> CommandLine:
    """The command line."""
    return CommandLine(cluster)


def run(name: str, namespace: str, mode: str) -> Document:
    say = {"name": "say", "callable": "say:say", "config": {"times": 100}}
    wrong = {"name": "wrong", "callable": "say:fail_at_first"}
    document = manifest(name, say, wrong, namespace=namespace, mode=mode, retries=RETRIES)
    document["spec"]["code"]["files"]["say.py"] = SAY
    document["spec"]["pipeline"]["finally"] = [{"name": "last", "callable": "say:last"}]
    return document


def said(attempt: int) -> list[str]:
    """What the stage says in an attempt; its rows may be shared out among processes."""
    return sorted(f"attempt {attempt} row {row} line {n}" for row in range(5) for n in range(100))


def of_attempt(attempt: int, lines: list[str]) -> list[str]:
    """The lines of the stage in an attempt, without what Ray may have to say."""
    return sorted(line for line in lines if line.startswith(f"attempt {attempt} "))


def followed(cluster: Cluster, runs: Runs, document: Document) -> tuple[list[str], str]:
    """What is printed by following a run from before its first attempt; and what is said of it."""
    name, namespace = document["metadata"]["name"], document["metadata"]["namespace"]
    runs.apply(document | {"spec": document["spec"] | {"suspend": True}})
    kubeconfig = str(cluster.kubeconfig_for("admin"))
    command = [sys.executable, "-m", "pipelinerun", "logs", name, "-f", "-n", namespace]
    with subprocess.Popen(
        [*command, "--kubeconfig", kubeconfig],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stderr is not None
        waits = following.stderr.readline()
        runs.change(name, namespace, suspend=False)
        out, err = following.communicate(timeout=300)
    assert following.returncode == 0, err
    assert runs.status(name, namespace)["phase"] == "Succeeded"
    return out.splitlines(), waits + err


def test_the_logs_of_worker_pods_are_followed_over_attempts_and_read_afterwards(
    cluster: Cluster, runs: Runs, commands: CommandLine
) -> None:
    lines, told = followed(cluster, runs, run("followed", WORKERS, "Subprocess"))
    assert "Waiting for the first attempt" in told
    assert of_attempt(2, lines) == said(2)
    assert "it goes wrong" in lines
    assert lines.index("it goes wrong") < min(map(lines.index, said(2)))
    assert lines[-1] == "at last 0"
    # Afterwards each attempt has a log of its own.
    read = ("logs", "followed", "-n", WORKERS)
    assert "it goes wrong" in commands.says(*read, "--attempt", "1").splitlines()
    whole = commands.says(*read).splitlines()
    assert of_attempt(2, whole) == said(2)
    assert commands.says(*read, "--tail", "2").splitlines() == whole[-2:]
    assert commands.says(*read, "--finally") == "at last 0"
    (stamped,) = commands.says(*read, "--finally", "--timestamps").splitlines()
    assert stamped.split(" ", 1)[1] == "at last 0"
    assert "has no attempt 3; it has 1, 2" in commands.complains(*read, "--attempt", "3")
    wrong = commands.says(*read, "--attempt", "1", "--stage", "wrong")
    assert {*wrong.splitlines()} == {"it goes wrong"}
    assert sorted(commands.says(*read, "--stage", "say").splitlines()) == said(2)
    assert "no enabled stage is named 'sy'; did you mean 'say'?" in commands.complains(
        *read, "--stage", "sy"
    )


def test_the_lines_of_an_in_process_run_are_told_from_those_of_others_by_attempt_and_stage(
    cluster: Cluster, runs: Runs, operator: Installation, commands: CommandLine, tmp_path: Path
) -> None:
    lines, _ = followed(cluster, runs, run("picked", IN_PROCESS, "InProcess"))
    assert of_attempt(2, lines) == said(2)
    assert lines.count("it goes wrong") >= 1
    assert lines[-1] == "at last 0"
    # Another one, with the same code in the same processes.
    other = tmp_path / "other.yaml"
    other.write_text(json.dumps(run("other", IN_PROCESS, "InProcess")))
    done = commands.run("submit", str(other), "--follow")
    assert done.returncode == 0, done.stderr
    created, *lines, end = done.stdout.splitlines()
    assert created.endswith("/other created")
    assert of_attempt(2, lines) == said(2)
    assert lines[-1] == "at last 0"
    assert "Succeeded, exit code 0" in end
    # The operator is another process by now; what was printed before is still there.
    operator.kill("operator")
    for name in ("picked", "other"):
        read = ("logs", name, "-n", IN_PROCESS)
        assert of_attempt(2, commands.says(*read).splitlines()) == said(2)
        wrong = commands.says(*read, "--attempt", "1", "--stage", "wrong")
        assert {*wrong.splitlines()} == {"it goes wrong"}
        assert commands.says(*read, "--finally", "--stage", "last") == "at last 0"
        assert commands.says(*read, "--stage", "wrong") == ""
