"""Helpers around real processes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import psutil

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.stage import Stage
from pipelinerun.execution.in_subprocess import SubprocessStrategy

TRACE = "PIPELINERUN_TEST_TRACE"
"""Environment variable by which all processes of one test are found, guardians included."""

DEFINITION = PipelineDefinition(
    stages=[
        Stage(name="read", type="source", callable="ray.data:range", config={"n": 3}),
        Stage(name="write", type="sink", callable="builtins:print"),
    ]
)


def job(code: str) -> PipelineJob:
    """A job for ``targets``: ``code`` is what the child executes."""
    return PipelineJob(definition=DEFINITION, run=RunIdentity(params={"code": code}))


def strategy(target: str = "succeed") -> SubprocessStrategy:
    return SubprocessStrategy(child=f"targets:{target}")


class Program(subprocess.Popen[str]):
    """A process that a test which fails does not wait for."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, error, trace)


def python(script: str, trace: str, *arguments: str, stdin: int | None = None) -> Program:
    """Start a Python program as users would, with this directory's modules to import."""
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    return Program(
        [sys.executable, "-c", script, *arguments],
        text=True,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": path, TRACE: trace},
    )


def traced(trace: str) -> list[psutil.Process]:
    """Living processes of the test, but for this one."""

    def belongs(process: psutil.Process) -> bool:
        try:
            return process.environ().get(TRACE) == trace and process.pid != os.getpid()
        except psutil.Error:
            return False

    return [it for it in psutil.process_iter() if belongs(it)]


def program(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line, run to its end in a folder, with variables besides this process's own."""
    return subprocess.run(
        [sys.executable, "-m", "pipelinerun", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def workspaces_of(trace: str) -> set[Path]:
    """Workspaces that processes of the test belong to."""
    found = set()
    for process in traced(trace):
        try:
            directory = process.environ().get("PIPELINERUN_WORKSPACE")
        except psutil.Error:
            continue
        if directory:
            found.add(Path(directory))
    return found


def eventually(holds: Callable[[], object], seconds: float = 30.0) -> bool:
    """Whether something comes true in time; the time is only there for the test to end."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
