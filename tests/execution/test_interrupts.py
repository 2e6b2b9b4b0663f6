"""Ctrl-C in a real parent that waits for its child."""

import signal
import subprocess

import psutil
from running import eventually, python, traced, workspaces_of

PARENT = """
import sys
from running import job, strategy
from pipelinerun.execution.options import ExecutionOptions
options = ExecutionOptions(stdout=sys.stdout, stderr=sys.stderr)
try:
    strategy("run").execute(job({code!r}), options)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(99)
"""
ORDERLY = (
    "it = Interruption(); print('ready', flush=True)\n"
    "it.stopping.wait(); print('ended', flush=True)"
)
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('ignored', flush=True))\n"
    "print('ready', flush=True)\n"
    "while True: time.sleep(1)"
)


def start(code: str, trace: str) -> subprocess.Popen[str]:
    parent = python(PARENT.format(code=code), trace)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    return parent


def test_ctrl_c_ends_the_child_in_order(trace: str) -> None:
    with start(ORDERLY, trace) as parent:
        directories = workspaces_of(trace)
        parent.send_signal(signal.SIGINT)
        assert parent.communicate() == ("ended\ninterrupted\n", "")
        assert parent.returncode == 99
    assert len(directories) == 1
    assert not any(directory.exists() for directory in directories)
    assert traced(trace) == []


def test_ctrl_c_ends_a_child_that_does_not_listen_after_the_grace(trace: str) -> None:
    with start(STUBBORN, trace) as parent:
        parent.send_signal(signal.SIGINT)
        assert parent.communicate() == ("ignored\ninterrupted\n", "")
        assert parent.returncode == 99
    assert traced(trace) == []


def test_the_second_ctrl_c_does_not_wait_for_the_grace(trace: str) -> None:
    script = PARENT.format(code=STUBBORN).replace("sys.stderr)", "sys.stderr, grace=600)")
    with python(script, trace) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        parent.send_signal(signal.SIGINT)
        assert parent.stdout.readline() == "ignored\n"
        parent.send_signal(signal.SIGINT)
        assert parent.communicate() == ("interrupted\n", "")
        assert parent.returncode == 99
    assert traced(trace) == []


def test_ctrl_c_while_the_child_starts_leaves_nothing(trace: str) -> None:
    slow = "import time; time.sleep(600)"
    with python(PARENT.format(code=slow), trace) as parent:
        assert eventually(lambda: _has_child(parent.pid))
        parent.send_signal(signal.SIGINT)
        assert parent.communicate() == ("interrupted\n", "")


def _has_child(pid: int) -> bool:
    return bool(psutil.Process(pid).children())
