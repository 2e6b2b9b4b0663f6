"""SubprocessStrategy, with programs of the tests' own in the child."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from running import job, strategy, workspaces_of

from pipelinerun.api.status import FailureClass, Outcome, StageStatus
from pipelinerun.execution import bootstrap
from pipelinerun.execution.in_subprocess import SubprocessStrategy
from pipelinerun.execution.options import ExecutionOptions
from pipelinerun.execution.result import PipelineFailedError
from pipelinerun.execution.services import VARIABLE

BACKGROUND = ExecutionOptions(block=False)
WAIT_FOR_STOP = "it = Interruption(); reporter.progress([]); it.stopping.wait(); code = 143"
IGNORE_STOP = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "reporter.progress([]); time.sleep(600)"
)

pytestmark = pytest.mark.usefixtures("trace")


def test_a_blocking_run_returns_the_elapsed_time_measured_by_the_parent() -> None:
    result = strategy().execute(job("import time; time.sleep(0.2)"))
    assert result.interface is None
    assert result.elapsed_time is not None
    assert result.elapsed_time > 0.2
    assert result.get_return_value() == result.elapsed_time
    assert result.outcome == Outcome(exit_code=0, elapsed_seconds=result.elapsed_time)


IGNORES_ITS_END = (
    "Interruption(); import os, signal, time\nos.kill(os.getpid(), signal.SIGTERM); time.sleep(600)"
)
SIGNALLED = "import os, signal; os.kill(os.getpid(), signal.{})"


@pytest.mark.parametrize(
    ("target", "code", "exit_code", "kind"),
    [
        ("succeed", "code = 7", 7, None),
        ("run", "raise RuntimeError('boom')", 1, "Infrastructure"),
        ("run", "import os; os._exit(3)", 3, "User"),
        ("run", "import sys; sys.exit(4)", 4, "User"),
        ("run", "import os; os._exit(0)", 1, "User"),
        ("run", SIGNALLED.format("SIGKILL"), 137, "Infrastructure"),
        ("run", SIGNALLED.format("SIGSEGV"), 139, "User"),
        ("run", SIGNALLED.format("SIGTERM"), 143, "Cancelled"),
        ("run", SIGNALLED.format("SIGINT"), 130, "Cancelled"),
        ("run", IGNORES_ITS_END, 143, "Cancelled"),
        ("nowhere", "", 125, "Infrastructure"),
    ],
)  # fmt: skip
def test_every_other_end_is_an_error_that_names_the_exit_code(
    target: str, code: str, exit_code: int, kind: FailureClass | None
) -> None:
    with pytest.raises(PipelineFailedError, match=f"exit code {exit_code}") as caught:
        strategy(target).execute(job(code))
    assert isinstance(caught.value, RuntimeError)
    outcome = caught.value.outcome
    assert outcome.exit_code == exit_code
    assert (outcome.failure.class_ if outcome.failure else None) == kind
    assert outcome.elapsed_seconds > 0


@pytest.mark.parametrize("executable", ["/bin/false", "/no/such/python"])
def test_an_interpreter_that_cannot_start_is_no_fault_of_the_pipeline(
    monkeypatch: pytest.MonkeyPatch, executable: str
) -> None:
    original = subprocess.Popen

    def popen(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        if bootstrap.__file__ in command:
            command = [executable, *command[1:]]
        return original(command, **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    with pytest.raises(PipelineFailedError) as caught:
        SubprocessStrategy().execute(job(""))
    assert caught.value.outcome.exit_code == 125


def test_the_child_leads_a_group_of_its_own_and_is_not_a_fork() -> None:
    seen: list[list[StageStatus]] = []
    check = (
        "import os, sys\n"
        "assert os.getpgid(0) == os.getsid(0) == os.getpid()\n"
        "assert 'pytest' not in sys.modules\n"
        "reporter.progress([StageStatus(name=os.environ.get('PIPELINERUN_SERVICES', 'unset'))])"
    )
    strategy().execute(job(check), ExecutionOptions(on_progress=seen.append))
    assert seen == [[StageStatus(name="")]]
    assert VARIABLE not in os.environ


def test_the_last_progress_survives_a_child_that_does_not() -> None:
    code = "reporter.progress([StageStatus(name='read', rows_out=3)])\nimport os; os._exit(9)"
    with pytest.raises(PipelineFailedError) as caught:
        strategy("run").execute(job(code))
    assert caught.value.outcome.stages == [StageStatus(name="read", rows_out=3)]


def test_a_listener_that_raises_does_not_harm_the_run() -> None:
    def listener(_: list[StageStatus]) -> None:
        raise RuntimeError("listener")

    code = "reporter.progress([])"
    outcome = strategy().execute(job(code), ExecutionOptions(on_progress=listener)).outcome
    assert outcome is not None
    assert outcome.exit_code == 0


def test_a_background_run_gives_a_handle_and_then_its_outcome() -> None:
    result = strategy().execute(job("import time; time.sleep(0.2)"), BACKGROUND)
    handle = result.interface
    assert handle is not None
    assert result.get_return_value() is handle
    assert handle.wait(0) is None
    handle.start()
    outcome = handle.wait()
    assert outcome == handle.outcome
    assert outcome is not None
    assert (outcome.exit_code, outcome.failure) == (0, None)
    assert outcome.elapsed_seconds > 0
    handle.stop()


@pytest.mark.parametrize(("code", "exit_code"), [(WAIT_FOR_STOP, 143), (IGNORE_STOP, 137)])
def test_stop_ends_the_child_in_order_or_else_by_force(
    trace: str, code: str, exit_code: int
) -> None:
    running = threading.Event()
    options = ExecutionOptions(block=False, on_progress=lambda _: running.set())
    handle = strategy("run").execute(job(code), options).interface
    assert handle is not None
    running.wait()
    assert len(workspaces_of(trace)) == 1
    (directory,) = workspaces_of(trace)
    handle.stop()
    assert not directory.exists()
    outcome = handle.outcome
    assert outcome is not None
    assert outcome.failure is not None
    assert (outcome.exit_code, outcome.failure.class_) == (exit_code, "Cancelled")
    handle.stop()


def test_stop_before_the_child_is_ready_works_as_well() -> None:
    handle = strategy("run").execute(job("import time; time.sleep(600)"), BACKGROUND).interface
    assert handle is not None
    handle.stop()
    assert handle.outcome is not None
    assert handle.outcome.failure is not None
    assert handle.outcome.failure.class_ == "Cancelled"


def test_stop_after_the_end_changes_nothing() -> None:
    handle = strategy("run").execute(job("import os; os._exit(3)"), BACKGROUND).interface
    assert handle is not None
    outcome = handle.wait()
    assert outcome is not None
    assert outcome.exit_code == 3
    handle.stop()
    assert handle.outcome == outcome


def test_the_second_signal_ends_the_child_at_once() -> None:
    code = (
        "import os, signal, time; Interruption()\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "time.sleep(0.1)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(600)"
    )
    with pytest.raises(PipelineFailedError) as caught:
        strategy("run").execute(job(code))
    assert caught.value.outcome.exit_code == 130


def test_what_the_child_has_started_is_gone_when_the_run_is_over() -> None:
    escape = (
        "import os, subprocess, sys\n"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "subprocess.Popen(sleep)\n"
        "subprocess.Popen(sleep, process_group=0)\n"
        "subprocess.Popen(sleep, start_new_session=True)\n"
        "subprocess.Popen(sleep, env={**{k: v for k, v in os.environ.items()"
        " if k != 'PIPELINERUN_WORKSPACE'}}, process_group=0)\n"
    )
    strategy().execute(job(escape))


def test_a_fork_that_holds_the_channel_does_not_hold_up_the_end() -> None:
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    time.sleep(600)\n"
    )  # fmt: skip
    assert strategy().execute(job(code)).outcome is not None


def test_a_thread_that_never_ends_does_not_hold_up_a_child_that_was_told_to_stop() -> None:
    code = (
        "import threading, time, os, signal\n"
        "threading.Thread(target=time.sleep, args=[600]).start()\n"
        "it = Interruption()\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "it.stopping.wait()\n"
    )
    with pytest.raises(PipelineFailedError) as caught:
        strategy("run").execute(job(code))
    assert caught.value.outcome.exit_code == 128 + signal.SIGTERM


def test_modules_that_the_parent_can_import_the_child_can_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "found_by_path.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    code = f"import found_by_path, sys; assert sys.argv == {sys.argv!r}"
    strategy().execute(job(code))
