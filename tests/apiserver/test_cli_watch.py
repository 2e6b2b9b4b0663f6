"""``pipelinerun watch`` on a real API server, on a terminal and into a pipe."""

import os
import pty
import re
import subprocess
import sys

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.support.cli import CommandLine
from tests.support.runs import Runs, manifest, stage

pytestmark = pytest.mark.usefixtures("operator")

RETRIES = {"limit": 1, "backoff": {"initialSeconds": 0.1}}


def test_a_run_is_watched_by_lines_to_its_exit_code(cluster: ControlPlane, runs: Runs) -> None:
    runs.apply(manifest("watched", stage("leave", "leave", code=7), retries=RETRIES))
    done = CommandLine(cluster).run("watch", "watched")
    assert done.returncode == 7, done.stderr
    lines = done.stdout.splitlines()
    assert [it for it in lines if it.startswith("leave: Failed")]
    assert lines[-1].startswith("pipelinerun.pipelinerun.dev/watched Failed, exit code 7")
    assert "the stage called sys.exit(7)" in done.stderr
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout + done.stderr)


def test_a_terminal_shows_a_table_that_fits_and_stays(cluster: ControlPlane, runs: Runs) -> None:
    runs.apply(manifest("seen", stage("slow", "sleep", seconds=0.5)))
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    with subprocess.Popen(
        [sys.executable, "-m", "pipelinerun", "watch", "seen"],
        env=environment | {"KUBECONFIG": str(cluster.kubeconfig)},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as watching:
        os.close(theirs)
        shown = read_all(ours)
    assert watching.returncode == 0, shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "\n")
    lines = [line.rstrip() for line in plain.splitlines() if line.strip()]
    assert max(map(len, lines)) <= 80, plain
    (last,) = [line for line in lines if line.startswith("slow")][-1:]
    assert "Succeeded" in last
    assert "━" in last
    assert lines[-1].startswith("pipelinerun.pipelinerun.dev/seen Succeeded, exit code 0")


def read_all(descriptor: int) -> str:
    """What comes until the other side is closed."""
    found = b""
    try:
        while chunk := os.read(descriptor, 1 << 16):
            found += chunk
    except OSError:  # Linux says so of a terminal that nobody holds
        pass
    finally:
        os.close(descriptor)
    return found.decode()
