"""Nothing outlives the process that executes pipelines."""

import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from running import eventually, job, python, strategy, traced, workspaces_of

from pipelinerun.execution import bootstrap
from pipelinerun.execution.options import ExecutionOptions

FAMILY = """
import os, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
subprocess.Popen(sleep)
subprocess.Popen(sleep, process_group=0)
subprocess.Popen(sleep, start_new_session=True)
open(os.path.join(request["workspace"], "file"), "w").close()
print("ready", flush=True)
time.sleep(600)
"""
PARENT = f"""
import sys, time
from running import job, strategy
from pipelinerun.execution.options import ExecutionOptions
options = ExecutionOptions(block={{block}}, stdout=sys.stdout)
handle = strategy("run").execute(job({FAMILY!r}), options).interface
{{then}}
"""


@pytest.mark.parametrize("block", [True, False])
def test_sigkill_of_the_parent_takes_everything_with_it(trace: str, block: bool) -> None:
    then = "" if block else "time.sleep(600)"
    with python(PARENT.format(block=block, then=then), trace) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        (directory,) = workspaces_of(trace)
        assert (directory / "file").exists()
        assert len(traced(trace)) == 6  # parent, guardian, child, three of the child's
        parent.kill()
        assert parent.stdout.read() == ""
    assert eventually(lambda: not traced(trace))
    assert not directory.exists()


def test_sigterm_of_the_parent_does_too(trace: str) -> None:
    with python(PARENT.format(block=True, then=""), trace) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        (directory,) = workspaces_of(trace)
        parent.terminate()
    assert eventually(lambda: not traced(trace))
    assert not directory.exists()


@pytest.mark.parametrize(
    "then",
    [
        "",
        "raise SystemExit(3)",
        "raise RuntimeError('uncaught')",
        "import logging; logging.basicConfig(level=10); sys.stdout.close(); sys.stderr.close()",
        "import os; os.close(1); os.close(2)",
        (
            "import os\nif (fork := os.fork()) == 0: sys.exit()\n"
            "os.waitpid(fork, 0); assert handle.wait(0.5) is None"
        ),
    ],
    ids=["end", "exit", "error", "closed streams", "closed descriptors", "fork"],
)
def test_the_end_of_the_interpreter_takes_everything_with_it(trace: str, then: str) -> None:
    # The parent goes on when the family is complete, which the file tells.
    ready = (
        "import glob\n"
        "from running import workspaces_of, eventually\n"
        f"assert eventually(lambda: any((d / 'file').exists() for d in workspaces_of({trace!r})))\n"
    )
    with python(PARENT.format(block=False, then=ready + then), trace) as parent:
        _, err = parent.communicate()
    assert "Logging error" not in err
    assert ("Traceback" in err) == ("uncaught" in then)
    assert traced(trace) == []


@pytest.mark.usefixtures("trace")
def test_a_child_whose_parent_is_gone_already_ends_at_once() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = subprocess.run(
            [sys.executable, "-P", bootstrap.__file__, str(theirs.fileno()), "1"],
            pass_fds=[theirs.fileno()],
            check=False,
        )
    assert child.returncode == -signal.SIGKILL


WATCHED = """
import os, socket, sys, time
from pipelinerun.execution import bootstrap
bootstrap._ask_kernel = lambda: False
os.setpgid(0, 0)
channel = socket.socket(fileno=int(sys.argv[1]))
bootstrap.die_with(os.getppid(), channel)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.usefixtures("trace")
def test_where_the_kernel_does_not_help_the_child_watches_the_channel() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            command = [sys.executable, "-c", WATCHED, str(theirs.fileno())]
            child = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, text=True
            )
        with child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            ours.close()
            assert child.wait() == -signal.SIGKILL


@pytest.mark.usefixtures("trace")
def test_a_child_survives_the_thread_that_asked_for_it() -> None:
    handles = []
    code = "it = Interruption(); reporter.progress([]); it.stopping.wait(); code = 5"
    running = threading.Event()
    options = ExecutionOptions(block=False, on_progress=lambda _: running.set())
    thread = threading.Thread(
        target=lambda: handles.append(strategy("run").execute(job(code), options).interface)
    )
    thread.start()
    thread.join()
    running.wait()
    (handle,) = handles
    assert handle is not None
    assert handle.wait(0.5) is None
    handle.stop()


@pytest.mark.usefixtures("trace")
@pytest.mark.skipif(sys.platform != "linux", reason="the signal is a Linux feature")
def test_the_kernel_is_asked_to_kill_the_child_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import ctypes; number = ctypes.c_int();"
        "ctypes.CDLL(None).prctl(2, ctypes.byref(number));"
        f"open({str(tmp_path / 'signal')!r}, 'w').write(str(number.value))"
    )
    strategy().execute(job(code))
    assert (tmp_path / "signal").read_text() == str(int(signal.SIGKILL))
