"""Both strategies with the real engine. Each child starts a Ray of its own, which takes seconds."""

import io
import os
import signal
from pathlib import Path

import pytest
from running import eventually, python, traced, workspaces_of

from pipelinerun.api.code import Code
from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.stage import Stage
from pipelinerun.api.status import FailureClass, StageStatus
from pipelinerun.execution.factory import create_strategy
from pipelinerun.execution.in_subprocess import SubprocessStrategy
from pipelinerun.execution.options import ExecutionOptions
from pipelinerun.execution.result import PipelineFailedError

STEPS = '''
import os, sys, time
from pathlib import Path

def numbers(count):
    print("source of", count)
    for number in range(count):
        yield {"number": number}

def double(row):
    print("doubling", row["number"])
    return {"number": 2 * row["number"]}

class Double:
    def __call__(self, row): return double(row)

def fail(row):
    raise ValueError("no number is good enough")

def leave(row):
    sys.exit(7)

def crash(row):
    print("last words")
    os._exit(9)

def endless(started):
    Path(started).touch()
    while True:
        time.sleep(0.1)
        yield {"number": 0}

def note(row, file):
    with open(file, "a") as it:
        print(row["number"], os.getpid(), file=it)

class Broker:
    """A service that tells where it runs."""
    def start(self):
        Path(os.environ["BROKER"]).write_text(f"start {os.getpid()} {os.getppid()}")
    def stop(self):
        Path(os.environ["BROKER"]).write_text("stopped")
'''


def pipeline(file: Path, middle: str = "double", source: str = "numbers") -> PipelineJob:
    config = {"count": 3} if source == "numbers" else {"started": f"{file}-started"}
    return PipelineJob(
        definition=PipelineDefinition(
            stages=[
                Stage(name="read", type="source", callable=f"steps:{source}", config=config),
                Stage.model_validate({"name": "work", _field(middle): f"steps:{middle}"}),
                Stage(name="keep", type="sink", callable="steps:note", config={"file": str(file)}),
            ]
        ),
        code=Code(files={"steps.py": STEPS}),
    )


def _field(name: str) -> str:
    return "actor" if name[0].isupper() else "callable"


def numbers_in(file: Path) -> list[int]:
    return sorted(int(line.split()[0]) for line in file.read_text().splitlines())


def test_a_pipeline_runs_in_a_child_with_its_services_its_output_and_its_progress(
    trace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "broker.py").write_text(STEPS)
    monkeypatch.syspath_prepend(tmp_path / "code")
    monkeypatch.setenv("BROKER", str(tmp_path / "broker"))
    seen: list[list[StageStatus]] = []
    out = io.StringIO()
    options = ExecutionOptions(stdout=out, on_progress=seen.append)
    job = pipeline(tmp_path / "rows")
    result = SubprocessStrategy(["broker:Broker"]).execute(job, options)
    assert result.outcome is not None
    assert result.elapsed_time == result.outcome.elapsed_seconds > 0
    assert numbers_in(tmp_path / "rows") == [0, 2, 4]
    assert [stage.rows_in for stage in result.outcome.stages] == [0, 3, 3]
    assert seen
    assert "doubling 2" in out.getvalue()
    assert (tmp_path / "broker").read_text() == "stopped"
    assert traced(trace) == []


@pytest.mark.parametrize(
    ("job", "exit_code", "kind"),
    [
        (pipeline(Path("/dev/null"), "fail"), 1, "User"),
        (pipeline(Path("/dev/null"), "leave"), 7, "User"),
        (pipeline(Path("/dev/null"), "missing"), 2, "Config"),
    ],
    ids=["raise", "sys.exit", "invalid"],
)
def test_a_failed_pipeline_is_an_error_with_its_exit_code(
    trace: str, job: PipelineJob, exit_code: int, kind: FailureClass
) -> None:
    with pytest.raises(PipelineFailedError, match=f"exit code {exit_code}") as caught:
        create_strategy(run_in_subprocess=True).execute(job)
    assert caught.value.outcome.failure is not None
    assert caught.value.outcome.failure.class_ == kind
    assert traced(trace) == []


def test_a_stage_that_crashes_leaves_its_last_words(trace: str) -> None:
    with pytest.raises(PipelineFailedError) as caught:
        create_strategy(run_in_subprocess=True).execute(pipeline(Path("/dev/null"), "crash"))
    failure = caught.value.outcome.failure
    assert failure is not None
    assert failure.tail is not None
    assert "last words" in failure.tail
    assert traced(trace) == []


def test_stop_ends_a_pipeline_with_its_ray(trace: str, tmp_path: Path) -> None:
    job = pipeline(tmp_path / "rows", source="endless")
    handle = SubprocessStrategy().execute(job, ExecutionOptions(block=False)).interface
    assert handle is not None
    assert eventually((tmp_path / "rows-started").exists, seconds=60)
    (directory,) = workspaces_of(trace)
    handle.stop()
    assert handle.outcome is not None
    assert handle.outcome.failure is not None
    assert handle.outcome.failure.class_ == "Cancelled"
    assert traced(trace) == []
    assert not directory.exists()


PARENT = """
import sys
from pathlib import Path
from pipelinerun.api.job import PipelineJob
from pipelinerun.execution.factory import create_strategy
job = PipelineJob.model_validate_json(Path(sys.argv[1]).read_text())
create_strategy(run_in_subprocess={subprocess}).execute(job)
"""


@pytest.mark.parametrize("subprocess", [True, False])
def test_sigkill_of_the_process_that_executes_leaves_no_ray(
    trace: str, tmp_path: Path, subprocess: bool
) -> None:
    file = tmp_path / "job"
    file.write_text(pipeline(tmp_path / "rows", source="endless").model_dump_json(by_alias=True))
    with python(PARENT.format(subprocess=subprocess), trace, str(file)) as parent:
        assert eventually((tmp_path / "rows-started").exists, seconds=60)
        (directory,) = workspaces_of(trace)
        parent.kill()
        parent.communicate()  # nobody holds the parent's output open
    assert eventually(lambda: not traced(trace))
    assert not directory.exists()


def test_sigterm_ends_the_child_in_order(trace: str, tmp_path: Path) -> None:
    job = pipeline(tmp_path / "rows", source="endless")
    handle = SubprocessStrategy().execute(job, ExecutionOptions(block=False)).interface
    assert handle is not None
    assert eventually((tmp_path / "rows-started").exists, seconds=60)
    (child,) = [it for it in traced(trace) if it.ppid() == os.getpid() and _is_child(it.cmdline())]
    child.send_signal(signal.SIGTERM)
    outcome = handle.wait()
    assert outcome is not None
    assert outcome.failure is not None
    assert (outcome.exit_code, outcome.failure.class_) == (143, "Cancelled")
    assert outcome.stages
    assert traced(trace) == []


def test_a_ray_that_dies_under_the_pipeline_is_a_failure_of_the_infrastructure(
    trace: str, tmp_path: Path
) -> None:
    job = pipeline(tmp_path / "rows", source="endless")
    handle = SubprocessStrategy().execute(job, ExecutionOptions(block=False)).interface
    assert handle is not None
    assert eventually((tmp_path / "rows-started").exists, seconds=60)
    (raylet,) = [it for it in traced(trace) if it.name() == "raylet"]
    raylet.kill()
    outcome = handle.wait()
    assert outcome is not None
    assert outcome.failure is not None
    assert outcome.failure.class_ == "Infrastructure"
    assert [stage.name for stage in outcome.stages] == ["read", "work", "keep"]
    assert traced(trace) == []


def _is_child(command: list[str]) -> bool:
    return any(word.endswith("bootstrap.py") for word in command)


IN_PROCESS = """
import os, signal, sys, threading
from pathlib import Path
import ray
from pipelinerun.api.job import PipelineJob
from pipelinerun.execution.in_process import InProcessStrategy
from pipelinerun.execution.options import ExecutionOptions
from pipelinerun.execution.result import PipelineFailedError
from running import eventually

ok, bad, endless = (PipelineJob.model_validate_json(Path(f).read_text()) for f in sys.argv[1:4])
started = Path(sys.argv[4])
handler = lambda *_: None
signal.signal(signal.SIGTERM, handler)
before = dict(os.environ)

result = InProcessStrategy().execute(ok)
assert result.interface is None
assert result.elapsed_time == result.outcome.elapsed_seconds > 0
assert not ray.is_initialized()
assert signal.getsignal(signal.SIGTERM) is handler
assert "PIPELINERUN_WORKSPACE" not in os.environ
print("own ray")

handle = InProcessStrategy().execute(endless, ExecutionOptions(block=False)).interface
assert eventually(started.exists, seconds=60)
handle.stop()
assert handle.outcome.exit_code == 143
assert handle.outcome.failure.class_ == "Cancelled"
assert not ray.is_initialized()
print("stopped")

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
InProcessStrategy().execute(ok)
try:
    InProcessStrategy().execute(bad)
except PipelineFailedError as error:
    print(error)
assert ray.is_initialized()
ray.shutdown()
print("given ray")

started.unlink()
InProcessStrategy().execute(endless, ExecutionOptions(block=False))
assert eventually(started.exists, seconds=60)
print("left running", flush=True)
"""


def test_in_this_process_a_pipeline_takes_the_ray_there_is_or_one_of_its_own(
    trace: str, tmp_path: Path
) -> None:
    jobs = {
        "ok": pipeline(Path("/dev/null")),
        "bad": pipeline(Path("/dev/null"), "fail"),
        "endless": pipeline(tmp_path / "rows", source="endless"),
    }
    for name, job in jobs.items():
        (tmp_path / name).write_text(job.model_dump_json(by_alias=True))
    files = [str(tmp_path / name) for name in jobs]
    with python(IN_PROCESS, trace, *files, str(tmp_path / "rows-started")) as program:
        out, err = program.communicate()
    assert program.returncode == 0, err
    assert "own ray" in out
    assert "stopped" in out
    assert "exit code 1" in out
    assert "given ray" in out
    assert "left running" in out
    assert traced(trace) == []


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
@pytest.mark.usefixtures("trace")
def test_one_cpu_is_enough_for_a_class_between_functions(tmp_path: Path) -> None:
    kept, cpus = tmp_path / "kept", os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        SubprocessStrategy().execute(pipeline(kept, "Double"))
    finally:
        os.sched_setaffinity(0, cpus)
    assert numbers_in(kept) == [0, 2, 4]
