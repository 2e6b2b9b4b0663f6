"""Signals to process groups."""

import signal
import subprocess
import sys
import threading

import pytest

from pipelinerun.execution.process_groups import end_group, signal_group

READY = "print('ready', flush=True)\n"
OBEYS = READY + "import time; time.sleep(600)"
IGNORES = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + OBEYS


def leader(code: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, process_group=0
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize(("code", "by"), [(OBEYS, signal.SIGTERM), (IGNORES, signal.SIGKILL)])
def test_a_group_is_asked_first_and_killed_after_the_grace(code: str, by: signal.Signals) -> None:
    with leader(code) as process:
        reaper = threading.Thread(target=process.wait)
        reaper.start()
        end_group(process.pid, grace=0.5)
        reaper.join()
        assert process.returncode == -by


def test_a_group_that_is_gone_is_a_success() -> None:
    with leader(READY) as process:
        process.wait()
    assert not signal_group(process.pid, signal.SIGTERM)
    end_group(process.pid)
