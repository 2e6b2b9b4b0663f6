"""Packages that come with a run."""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipelinerun.api.code import Code
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.topology import topology_of
from pipelinerun.engine.digest import digest_of
from pipelinerun.engine.run import run_pipeline
from tests.engine.pipeline import KEEP, Pipeline, failure_of, numbers, work
from tests.support.wheels import index

GREET = """
import greeting

def source():
    yield {"source": greeting.VERSION}

def greet(row):
    return {**row, "stage": greeting.VERSION}
"""
SOURCE = {"name": "read", "type": "source", "callable": "steps:source"}


@pytest.fixture(params=["pip", "uv"])
def installer(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def listed(installer: str, requirements: Sequence[str]) -> dict[str, Any]:
    return {"uv": {"packages": [*requirements]}} if installer == "uv" else {"pip": [*requirements]}


def greeting(pipeline: Pipeline, *requirements: str, installer: str = "pip") -> PipelineJob:
    job = pipeline.job([SOURCE, work("greet"), pipeline.keep], GREET)
    files = {"steps.py": GREET, "sinks.py": KEEP}
    code = Code.model_validate({"files": files, **listed(installer, requirements)})
    return job.model_copy(update={"code": code})


def test_runs_with_different_versions_of_a_package_each_see_their_own(
    pipeline: Pipeline, tmp_path: Path, installer: str
) -> None:
    options = index(tmp_path / "wheels", "1.0", "2.0")
    versions = ("1.0", "2.0", "1.0")
    for version in versions:
        wanted = [*options, f"greeting=={version}"]
        outcome = run_pipeline(greeting(pipeline, *wanted, installer=installer))
        assert outcome.exit_code == 0, outcome.failure
    assert pipeline.rows == [{"source": it, "stage": it} for it in versions]
    outcome = run_pipeline(greeting(pipeline))
    assert "needs 'greeting', which is missing" in failure_of(outcome).message


def test_what_is_installed_once_is_there_without_an_index(
    pipeline: Pipeline, tmp_path: Path, installer: str
) -> None:
    folder = tmp_path / "wheels"
    job = greeting(pipeline, *index(folder, "3.0"), "greeting>=3", installer=installer)
    assert run_pipeline(job).exit_code == 0
    for wheel in folder.iterdir():
        wheel.unlink()
    assert run_pipeline(job).exit_code == 0


def test_what_the_image_holds_is_not_installed_again(pipeline: Pipeline, installer: str) -> None:
    outcome = pipeline([numbers(1), pipeline.keep])
    assert outcome.exit_code == 0
    job = greeting(pipeline, "--no-index", "numpy", installer=installer)
    # Nothing is asked of an index, and the stage still lacks its package.
    assert "needs 'greeting', which is missing" in failure_of(run_pipeline(job)).message


@pytest.mark.parametrize(
    ("installer", "requirement", "needs", "message"),
    [
        ("pip", "greeting==7", "", "No matching distribution found for greeting==7"),
        ("uv", "greeting==7", "", "there is no version of greeting==7"),
        ("pip", "not a requirement", "", "Invalid requirement: 'not a requirement'"),
        ("uv", "not a requirement", "", "Couldn't parse requirement"),
        ("pip", "greeting", "numpy<1", "numpy<1"),
        ("uv", "greeting", "numpy<1", "numpy<1"),
    ],
)
def test_packages_that_cannot_be_had_are_told_before_anything_runs(
    pipeline: Pipeline,
    tmp_path: Path,
    installer: str,
    requirement: str,
    needs: str,
    message: str,
) -> None:
    options = index(tmp_path / "wheels", "1.0", needs=needs)
    outcome = run_pipeline(greeting(pipeline, *options, requirement, installer=installer))
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_) == (2, "Config")
    assert failure.message.startswith(f"code.{installer}: ")
    assert message in failure.message
    assert [stage.state for stage in outcome.stages] == ["Pending"] * 3


def test_an_index_that_is_away_is_no_fault_of_the_runs(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, installer: str
) -> None:
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/simple"
        job = greeting(pipeline, f"--index-url={url}", "greeting", installer=installer)
        outcome = run_pipeline(job)
    assert (outcome.exit_code, failure_of(outcome).class_) == (125, "Infrastructure")


def test_a_run_is_stopped_while_its_packages_are_installed(
    pipeline: Pipeline, installer: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        pipeline.stopping.set()
        job = greeting(pipeline, f"--index-url={url}", "greeting", installer=installer)
        outcome = run_pipeline(job, stopping=pipeline.stopping)
    assert (outcome.exit_code, failure_of(outcome).class_) == (143, "Cancelled")


def test_a_checkpoint_belongs_to_its_packages_and_not_to_their_index(pipeline: Pipeline) -> None:
    job = pipeline.job([numbers(1), pipeline.keep])
    topology = topology_of(job.definition)
    digests = [
        digest_of(job.model_copy(update={"code": Code(pip=pins)}), topology, "read")
        for pins in ([], ["a==1"], ["a==2"], ["--no-index", "a==2"])
    ]
    assert len(set(digests)) == 3
    assert digests[2] == digests[3]
