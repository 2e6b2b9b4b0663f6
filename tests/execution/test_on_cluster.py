import io
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from running import eventually

from pipelinerun.api.code import Code
from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.delivery import pack
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.names import API_VERSION, KIND
from pipelinerun.api.ray import Ray
from pipelinerun.api.status import Outcome, StageStatus
from pipelinerun.api.termination import decode
from pipelinerun.engine.job_client import JobClient
from pipelinerun.execution.on_cluster import Cluster, ClusterHandle, job_name
from pipelinerun.execution.options import ExecutionOptions
from tests.support.projects import GROUP, locked_project
from tests.support.ray_cluster import RayCluster, ray_cluster
from tests.support.repositories import commit, served
from tests.support.wheels import index, served_index

STEPS = '''
import json
import os
import sys
import time

import helpers


def count(file, rows, pause):
    """A source; each time it begins is a line in a file."""
    helpers.note(file, "begun")
    for number in range(rows):
        yield {"number": number}
        time.sleep(pause)


def forever(file):
    number = 0
    helpers.note(file, "begun")
    while True:
        yield {"number": number}
        number += 1
        time.sleep(0.05)


def work(row, pause=0.0, leave_at=None):
    import pipelinerun

    number = row["number"] if "number" in row else int(row["id"])
    time.sleep(pause)
    if number == leave_at:
        print("leaving", flush=True)
        sys.exit(7)
    print("worked on", number, flush=True)
    node = os.environ["PIPELINERUN_WORKSPACE"]
    return {"number": number, "node": node, "package": pipelinerun.__file__}


def keep(row, folder):
    helpers.keep(folder, row)
'''
HELPERS = '''
import json
import os
import tempfile


def note(file, text):
    with open(file, "a") as lines:
        lines.write(text + "\\n")


def keep(folder, row):
    """Idempotent: a row that comes again takes its own place."""
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as file:
        json.dump(row, file)
    os.replace(file.name, os.path.join(folder, f"{row['number']}.json"))
'''
PATIENCE = 6.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster(nodes=1) as it:
        yield it


class Running:
    """A pipeline on a cluster, and what is seen of it."""

    def __init__(self, folder: Path, cluster: RayCluster) -> None:
        self.folder, self.begun = folder / "kept", folder / "begun"
        self.folder.mkdir()
        self.cluster = Cluster(cluster.address)
        self.stdout = io.StringIO()
        self.progress: list[list[StageStatus]] = []
        self.uid = uuid.uuid4().hex

    def job(self, source: Mapping[str, Any], *, attempt: int = 1, **work: float) -> PipelineJob:
        keep = {"callable": "steps:keep", "config": {"folder": str(self.folder)}}
        stages = [
            {"name": "read", "type": "source", **source},
            {"name": "work", "callable": "steps:work", "config": work},
            {"name": "keep", "type": "sink", **keep},
        ]
        return PipelineJob(
            definition=PipelineDefinition.model_validate({"stages": stages}),
            code=Code(files={"steps.py": STEPS, "helpers.py": HELPERS}),
            ray=Ray(address=self.cluster.address),
            run=RunIdentity(name="run", uid=self.uid, attempt=attempt),
        )

    def counting(
        self, rows: int, *, attempt: int = 1, pause: float = 0.0, **work: float
    ) -> PipelineJob:
        config = {"file": str(self.begun), "rows": rows, "pause": pause}
        return self.job({"callable": "steps:count", "config": config}, attempt=attempt, **work)

    def endless(self, *, attempt: int = 1) -> PipelineJob:
        config = {"file": str(self.begun)}
        return self.job({"callable": "steps:forever", "config": config}, attempt=attempt)

    def start(self, job: PipelineJob, patience: float = 60.0) -> ClusterHandle:
        handle = ClusterHandle(job, self.options(), self.cluster, patience=patience)
        handle.start()
        return handle

    def options(self, *, block: bool = False) -> ExecutionOptions:
        return ExecutionOptions(block=block, stdout=self.stdout, on_progress=self.progress.append)

    @property
    def rows(self) -> list[dict[str, Any]]:
        kept = [json.loads(it.read_text()) for it in self.folder.glob("*.json")]
        return sorted(kept, key=lambda row: row["number"])

    @property
    def numbers(self) -> list[int]:
        return [row["number"] for row in self.rows]

    def status(self, attempt: int = 1) -> str | None:
        name = job_name(RunIdentity(uid=self.uid, attempt=attempt))
        state = JobClient(self.cluster.address, None).state(name)
        return state.status if state else None


@pytest.fixture
def running(tmp_path: Path, cluster: RayCluster) -> Running:
    return Running(tmp_path, cluster)


def ended(handle: ClusterHandle) -> Outcome:
    outcome = handle.wait(120)
    assert outcome is not None
    return outcome


def supervise(job: PipelineJob, *lines: str) -> subprocess.Popen[bytes]:
    """A process that executes a job in a way of its own, and can be killed."""
    script = "\n".join(
        [
            "import sys",
            "from pipelinerun.api.job import PipelineJob",
            "from pipelinerun.controller.inprocess.driver import Driver",
            "from pipelinerun.execution.on_cluster import ClusterStrategy, cluster_of",
            "text = sys.stdin.read()",
            "job = PipelineJob.model_validate_json(text)",
            *lines,
        ]
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(job.model_dump_json(by_alias=True).encode())
    process.stdin.close()
    return process


AS_A_DRIVER = ("driver = Driver()", "assert driver.start(1, text, 'code')", "driver.outcome()")
"""As the operator does for in-process runs."""
IMPATIENTLY = (f"ClusterStrategy(cluster_of(job, token=None), patience={PATIENCE}).execute(job)",)


def test_a_manifest_runs_on_other_nodes_with_its_code_and_all_of_it_is_told(
    running: Running, cluster: RayCluster, tmp_path: Path
) -> None:
    job = running.counting(20)
    definition = job.definition.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    spec = {"pipeline": definition, "code": {"files": dict(job.code.files)}}
    manifest = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "r"}, "spec": spec}
    file = tmp_path / "run.json"
    file.write_text(json.dumps(manifest))
    command = [sys.executable, "-m", "pipelinerun", "run", str(file), "-o", "json"]
    command += ["--ray-address", running.cluster.address]
    command += ["--report", str(tmp_path / "report.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout)
    assert status["phase"] == "Succeeded"
    assert json.loads((tmp_path / "report.json").read_text())["exitCode"] == 0
    work = status["stages"][1]
    assert (work["state"], work["rowsIn"], work["rowsOut"]) == ("Succeeded", 20, 20)
    assert running.numbers == [*range(20)]
    assert str(cluster.head.path) not in {row["node"] for row in running.rows}
    assert all("runtime_resources" in row["package"] for row in running.rows)
    assert all(f"worked on {number}\n" in done.stderr for number in range(20))
    assert "Running entrypoint" not in done.stderr
    assert "\x1e" not in done.stderr


def test_code_from_a_repository_and_its_locked_packages_reach_other_nodes(
    running: Running, tmp_path: Path
) -> None:
    index(tmp_path / "wheels", "7.0")
    read = "import greeting\n\ndef read():\n    yield {'number': float(greeting.VERSION)}\n"
    modules = {f"more/module_{number}.py": "" for number in range(100)}
    with served_index(tmp_path / "wheels") as url:
        project = locked_project(tmp_path / "project", url)
        made = commit(tmp_path / "repository", {**project, "reading.py": read, **modules})
        with served(tmp_path / "repository") as repository:
            job = running.job({"callable": "reading:read"})
            given = {"git": {"url": repository}, "uv": {"project": ".", "groups": [GROUP]}}
            code = Code.model_validate({"files": job.code.files, **given})
            outcome = ended(running.start(job.model_copy(update={"code": code})))
    assert (outcome.exit_code, outcome.commit) == (0, made), outcome.failure
    assert running.numbers == [7.0]


def test_a_worker_keeps_the_exit_code_and_the_words_of_a_failure(
    running: Running, tmp_path: Path
) -> None:
    job = running.counting(5, leave_at=3)
    packed, words = tmp_path / "job", tmp_path / "words"
    packed.write_text(pack(job))
    command = [sys.executable, "-m", "pipelinerun.worker", str(packed)]
    command += ["--termination-message", str(words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 7
    assert "leaving\n" in done.stdout
    told = decode(words.read_text())
    assert told is not None
    assert told.failure is not None
    assert (told.failure.class_, told.failure.stage) == ("User", "work")
    assert told.failure.exception == "SystemExit"
    # Executing the attempt again tells the same, and runs nothing.
    again = ended(running.start(job))
    assert again.exit_code == 7
    assert again.failure == told.failure
    assert running.progress[-1] == again.stages
    assert running.begun.read_text() == "begun\n"


def test_a_job_whose_follower_was_killed_is_followed_by_the_next_and_drained(
    running: Running,
) -> None:
    job = running.endless()
    with supervise(job, *AS_A_DRIVER) as first:
        assert eventually(running.begun.exists, 90)
        first.kill()
    handle = running.start(job)
    handle.drain()
    assert ended(handle).exit_code == 0
    assert running.rows
    assert running.numbers == [*range(len(running.rows))]
    assert running.begun.read_text() == "begun\n"


def test_the_next_attempt_ends_the_job_of_the_one_before_and_can_be_stopped(
    running: Running,
) -> None:
    with supervise(running.endless(), *AS_A_DRIVER) as first:
        assert eventually(running.begun.exists, 90)
        first.kill()
    running.begun.unlink()
    handle = running.start(running.endless(attempt=2))
    assert eventually(running.begun.exists, 90)
    assert running.status() == "STOPPED"
    handle.stop()
    outcome = ended(handle)
    assert outcome.exit_code == 143
    assert outcome.failure is not None
    assert outcome.failure.class_ == "Cancelled"
    assert running.status(attempt=2) == "STOPPED"


def test_a_job_that_nobody_follows_ends_by_itself(running: Running) -> None:
    job = running.endless()
    with supervise(job, *IMPATIENTLY) as first:
        assert eventually(running.begun.exists, 90)
        first.kill()
    assert eventually(lambda: running.status() == "FAILED", 90)
    outcome = ended(running.start(job))
    assert outcome.failure is not None
    assert outcome.failure.class_ == "Infrastructure"


def test_a_node_that_is_lost_in_the_middle_costs_no_row(
    running: Running, cluster: RayCluster
) -> None:
    node = cluster.add_node(cpus=3)
    blocks = {"n": 240, "override_num_blocks": 24}
    job = running.job({"callable": "ray.data:range", "config": blocks}, pause=0.05)
    handle = running.start(job)
    doomed = str(node.path)
    assert eventually(lambda: any(row["node"] == doomed for row in running.rows), 90)
    assert handle.outcome is None
    node.close()
    outcome = ended(handle)
    assert outcome.exit_code == 0, outcome
    assert running.numbers == [*range(240)]


def test_a_cluster_asks_for_its_token_and_its_end_is_a_failure_of_the_infrastructure(
    tmp_path: Path,
) -> None:
    with ray_cluster(head_cpus=1, token="a" * 32) as cluster:
        running = Running(tmp_path, cluster)
        job = running.endless()
        for token in (None, "b" * 32):
            running.cluster = Cluster(cluster.address, token)
            refused = ended(running.start(job))
            assert refused.exit_code == 125
            assert refused.failure is not None
            assert refused.failure.class_ == "Config"
        running.cluster = Cluster(cluster.address, "a" * 32)
        handle = running.start(job, patience=PATIENCE)
        assert eventually(lambda: running.progress, 90)
        cluster.head.close()
        lost = ended(handle)
    assert lost.exit_code != 0
    assert lost.failure is not None
    assert lost.failure.class_ == "Infrastructure"
    assert [it.name for it in lost.stages] == ["read", "work", "keep"]
