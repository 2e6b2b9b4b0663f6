"""Workspaces and their guardians."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from running import eventually, python, traced

from pipelinerun.execution import guardian
from pipelinerun.execution.workspace import Workspace

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

pytestmark = pytest.mark.usefixtures("trace")


def guardian_of(workspace: Workspace) -> psutil.Process:
    children = psutil.Process().children()
    (found,) = [it for it in children if str(workspace.path) in it.cmdline()]
    return found


def member(workspace: Workspace) -> subprocess.Popen[bytes]:
    return subprocess.Popen(SLEEP, env={**os.environ, **workspace.environment})


def test_closing_kills_what_belongs_to_it_and_removes_the_directory() -> None:
    with subprocess.Popen(SLEEP) as stranger:
        with Workspace() as workspace, member(workspace) as inside:
            (workspace.path / "deep").mkdir()
            (workspace.path / "deep" / "file").touch()
            workspace.close()
            workspace.close()
            assert inside.wait() == -signal.SIGKILL
        assert not workspace.path.exists()
        assert stranger.poll() is None
        stranger.kill()


def test_a_session_that_hides_its_environment_belongs_to_it_when_told() -> None:
    with Workspace() as workspace, subprocess.Popen(SLEEP, start_new_session=True) as leader:
        workspace.watch_session(leader.pid)
        workspace.close()
        assert leader.wait() == -signal.SIGKILL


def test_the_path_is_short_enough_for_the_sockets_of_ray() -> None:
    with Workspace() as workspace:
        assert len(str(workspace.path)) < 32


def test_the_place_can_be_chosen_as_for_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as place:
        monkeypatch.setenv("RAY_TMPDIR", place)
        with Workspace() as workspace:
            assert workspace.path.parent == Path(place)


@LINUX
def test_a_guardian_holds_nothing_of_its_owners() -> None:
    with tempfile.TemporaryFile() as file:
        os.set_inheritable(file.fileno(), True)
        with Workspace() as workspace:
            watcher = guardian_of(workspace)
            assert eventually(lambda: os.getsid(watcher.pid) == watcher.pid)
            held = Path(f"/proc/{watcher.pid}/fd")

            def targets() -> set[str]:
                return {str(it.readlink()) for it in held.iterdir()}

            # Python may still be reading a file of its own, such as that of the time zone.
            assert eventually(lambda: targets() == {str((held / "0").readlink()), "/dev/null"})
            assert watcher.cwd() == "/"


@LINUX
def test_signals_that_people_send_do_not_reach_a_guardian() -> None:
    with Workspace() as workspace:
        watcher = guardian_of(workspace)
        assert eventually(lambda: _ignores(watcher.pid, signal.SIGTERM))
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            watcher.send_signal(signum)
        assert watcher.is_running()


def test_an_owner_whose_guardian_was_killed_cleans_up_itself() -> None:
    with Workspace() as workspace, member(workspace) as inside:
        guardian_of(workspace).kill()
        workspace.close()
        assert inside.wait() == -signal.SIGKILL
        assert not workspace.path.exists()


OWNER = """
import os, sys, time
from pipelinerun.execution.workspace import Workspace
workspace = Workspace()
if {fork}:
    if os.fork() == 0:
        time.sleep(5)
        os._exit(0)
print(workspace.path, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("fork", [False, True])
def test_an_owner_that_is_killed_leaves_nothing_even_if_it_had_forked(
    trace: str, fork: bool
) -> None:
    with python(OWNER.format(fork=fork), trace, stdin=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        path = Path(owner.stdout.readline().strip())
        assert path.exists()
        owner.kill()
        assert eventually(lambda: not path.exists())
    assert eventually(lambda: not traced(trace))


def test_a_shell_does_not_wait_for_the_guardian() -> None:
    script = "from pipelinerun.execution.workspace import Workspace as W; w = W(); print(w.path)"
    listing = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -W ignore -c "{script}" | cat'],
        capture_output=True,
        text=True,
        check=True,
    )
    path = Path(listing.stdout.strip())
    assert eventually(lambda: not path.exists())


def test_names_with_blanks_and_parentheses_do_not_confuse_the_sweep(tmp_path: Path) -> None:
    odd = tmp_path / "sl) Z (eep"
    shutil.copy("/bin/sleep", odd)
    command = [str(odd), "600"]
    with Workspace() as workspace, subprocess.Popen(command, start_new_session=True) as process:
        workspace.watch_session(process.pid)
        workspace.close()
        assert process.wait() == -signal.SIGKILL


def test_the_mark_is_the_whole_directory_not_its_beginning() -> None:
    with Workspace() as workspace:
        longer = {guardian.VARIABLE: f"{workspace.path}-other"}
        with subprocess.Popen(SLEEP, env={**os.environ, **longer}) as other:
            workspace.close()
            assert other.poll() is None
            other.kill()


def _ignores(pid: int, signum: int) -> bool:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigIgn:"):
            return bool(int(line.split()[1], 16) >> (signum - 1) & 1)
    return False
