"""The entrypoint of a worker pod, as a process."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from running import Program, eventually, traced

from pipelinerun.api.code import Code
from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.delivery import pack
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.status import Outcome
from pipelinerun.api.termination import decode
from tests.cluster.controlplane import free_ports
from tests.support.runs import STEPS, Document, stage

SOURCE = {"name": "numbers", "type": "source", "callable": "steps:numbers", "config": {"count": 3}}
SINK = {"name": "end", "type": "sink", "callable": "steps:drop"}
MORE = """
import os
import subprocess
import sys

def orphan(row):
    # Its parent ends at once: whoever is process 1 has to wait for it.
    subprocess.run(["/bin/sh", "-c", "sleep 0.2 & exit 0"], check=True)
    time.sleep(3)
    stats = [path.read_text() for path in Path("/proc").glob("[0-9]*/stat")]
    print("zombies:", sum(stat.rpartition(")")[2].split()[0] == "Z" for stat in stats))
    return row

def shout(row):
    print("row", row["n"])
    subprocess.run(["/bin/echo", "child", str(row["n"])], check=True)
    return row

def store(dataset):
    print("storing")
    print(len(dataset.take_all()), "rows", file=sys.stderr)

def crash(row):
    print("last words", flush=True)
    os._exit(9)

def patient(row, folder):
    Path(folder, "begun").touch()
    try:
        for n in range(6000):
            time.sleep(0.1)
            yield {"n": n}
    finally:
        Path(folder, "closed").touch()
"""

pytestmark = pytest.mark.usefixtures("trace")


class Worker:
    """A worker process and what it leaves."""

    def __init__(
        self,
        folder: Path,
        *middle: Document,
        prefix: tuple[str, ...] = (),
        source: Document = SOURCE,
        sink: Document = SINK,
        **environment: str,
    ) -> None:
        self._folder, self._prefix = folder, prefix
        self._sink, self._environment = sink, environment
        self._source = source
        self._middle = middle
        (self.port,) = free_ports(1)
        self.message = folder / "termination-log"

    @contextmanager
    def running(self, grace: float = 20.0) -> Iterator[Program]:
        definition = PipelineDefinition.model_validate(
            {"stages": [self._source, *self._middle, self._sink]}
        )
        identity = RunIdentity(name="run", namespace="here", uid="u", attempt=2)
        code = Code(files={"steps.py": STEPS + MORE})
        job = self._folder / "job"
        job.write_text(pack(PipelineJob(definition=definition, code=code, run=identity)))
        command = [
            *(*self._prefix, sys.executable, "-m", "pipelinerun.worker", str(job)),
            *("--termination-message", str(self.message)),
            *("--port", str(self.port), "--grace", str(grace), "--mark-stages"),
        ]
        environment = os.environ | self._environment
        with Program(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        ) as process:
            yield process

    def run(self) -> tuple[int, str]:
        """Run to the end; gives exit code and standard output."""
        with self.running() as process:
            out, _ = process.communicate()
        return process.returncode, out

    @property
    def outcome(self) -> Outcome:
        outcome = decode(self.message.read_text())
        assert outcome is not None
        return outcome

    def get(self, page: str) -> str:
        url = f"http://127.0.0.1:{self.port}/{page}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())

    def stages(self) -> list[Any]:
        try:
            return list(json.loads(self.get("progress"))["stages"])
        except OSError:
            return []


@pytest.mark.parametrize(
    ("middle", "exit_code", "kind"),
    [
        (stage("square", "square"), 0, None),
        (stage("wrong", "wrong"), 1, "User"),
        (stage("leave", "leave", code=42), 42, "User"),
        (stage("missing", "missing"), 2, "Config"),
    ],
)
def test_it_ends_with_the_exit_code_of_the_pipeline_and_tells_why(
    tmp_path: Path, middle: Document, exit_code: int, kind: str | None
) -> None:
    worker = Worker(tmp_path, middle)
    code, _ = worker.run()
    outcome = worker.outcome
    assert (code, outcome.exit_code) == (exit_code, exit_code)
    assert (outcome.failure.class_ if outcome.failure else None) == kind
    assert outcome.elapsed_seconds > 0
    if kind is None:
        assert [(it.rows_in, it.rows_out) for it in outcome.stages] == [(0, 3), (3, 3), (3, 0)]


def test_each_line_says_which_stage_has_printed_it(tmp_path: Path) -> None:
    store = {"name": "store", "type": "sink", "callable": "steps:store"}
    worker = Worker(tmp_path, stage("shout", "shout"), sink=store)
    with worker.running() as process:
        out, errors = process.communicate()
    shouted = [f"shout | {what} {n}" for what in ("row", "child") for n in range(3)]
    assert sorted(out.splitlines()) == sorted([*shouted, "store | storing"])
    assert errors.splitlines() == ["store | 3 rows"]


def test_lines_are_as_they_were_printed_where_that_is_asked_for(tmp_path: Path) -> None:
    worker = Worker(tmp_path, stage("shout", "shout"), PIPELINERUN_PLAIN_OUTPUT="true")
    _, out = worker.run()
    printed = [f"{what} {n}" for what in ("row", "child") for n in range(3)]
    assert sorted(out.splitlines()) == sorted(printed)


def test_the_last_words_of_a_stage_that_crashed_are_in_its_failure(tmp_path: Path) -> None:
    worker = Worker(tmp_path, stage("crash", "crash"))
    _, out = worker.run()
    failure = worker.outcome.failure
    assert failure is not None
    assert "crash | last words" in out
    assert failure.stage == "crash"
    assert (failure.tail or "").startswith("last words")


def test_progress_and_metrics_are_there_while_it_runs(tmp_path: Path) -> None:
    worker = Worker(tmp_path, stage("sleep", "sleep", seconds=1.0))
    with worker.running() as process:
        assert eventually(lambda: any(it["state"] == "Running" for it in worker.stages()), 60)
        assert worker.get("healthz") == "ok\n"
        metrics = worker.get("metrics")
        process.communicate()
    assert (
        'pipelinerun_worker_stage_rows_out_total{namespace="here",run="run",stage="numbers"}'
        in metrics
    )
    assert 'pipelinerun_worker_elapsed_seconds{attempt="2",namespace="here",run="run"}' in metrics
    assert process.returncode == 0


def test_sigterm_ends_the_pipeline_in_order(tmp_path: Path) -> None:
    worker = Worker(tmp_path, stage("patient", "patient", folder=str(tmp_path)))
    with worker.running(grace=600) as process:
        assert eventually((tmp_path / "begun").exists, 60)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate()
    assert (tmp_path / "closed").exists(), errors
    assert worker.outcome.stages[1].rows_out > 0
    failure = worker.outcome.failure
    assert failure is not None
    assert (process.returncode, failure.class_, failure.signal) == (143, "Cancelled", 15)


def test_a_pipeline_that_does_not_listen_is_killed_after_the_grace(tmp_path: Path) -> None:
    here = tmp_path / "here"
    worker = Worker(tmp_path, stage("sleep", "sleep", seconds=600, beat=str(here)))
    with worker.running(grace=0.2) as process:
        assert eventually(here.exists, 60)
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode in {137, 143}
    failure = worker.outcome.failure
    assert failure is not None
    assert failure.class_ == "Cancelled"


def test_a_job_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    message = tmp_path / "message"
    command = [sys.executable, "-m", "pipelinerun.worker", str(tmp_path / "none")]
    ended = subprocess.run(
        [*command, "--termination-message", str(message)], check=False, capture_output=True
    )
    outcome = decode(message.read_text())
    assert outcome is not None
    assert outcome.failure is not None
    assert (ended.returncode, outcome.failure.class_) == (125, "Infrastructure")
    assert "could not be read" in outcome.failure.message


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root and unshare"
)
def test_as_process_1_it_reaps_processes_that_lost_their_parents(tmp_path: Path) -> None:
    namespace = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    worker = Worker(tmp_path, stage("orphan", "orphan"), prefix=namespace)
    code, out = worker.run()
    assert (code, out.splitlines()) == (0, ["orphan | zombies: 0"] * 3)


def test_sigkill_of_the_worker_leaves_nothing(tmp_path: Path, trace: str) -> None:
    worker = Worker(tmp_path, stage("sleep", "sleep", seconds=600, beat=str(tmp_path / "beat")))
    with worker.running() as process:
        assert eventually((tmp_path / "beat").exists, 60)
        process.kill()
        process.wait()
        assert eventually(lambda: not traced(trace), 30)


def post(port: int, path: str, body: str) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body.encode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_worker_drains_for_whoever_knows_the_uid(tmp_path: Path) -> None:
    source = {"name": "endless", "type": "source", "callable": "steps:endless"}
    worker = Worker(tmp_path, stage("square", "square"), source=source)
    with worker.running() as process:
        eventually(lambda: flows(worker.port))
        assert post(worker.port, "/drain", "wrong") == 403
        assert post(worker.port, "/elsewhere", "u") == 404
        assert post(worker.port, "/drain", "u") == 202
        process.communicate()
    assert process.returncode == 0
    first, *_, last = worker.outcome.stages
    assert first.rows_out == last.rows_in > 0


def flows(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/progress", timeout=5) as answer:
            stages = json.loads(answer.read())["stages"]
    except OSError:
        return False
    return bool(stages) and stages[0]["rowsOut"] > 0
