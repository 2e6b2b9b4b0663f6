"""Packages that come with a run."""

import socket
from pathlib import Path

import pytest

from pipelinerun.api.definition import Code
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


def greeting(pipeline: Pipeline, *requirements: str) -> PipelineJob:
    job = pipeline.job([SOURCE, work("greet"), pipeline.keep], GREET)
    code = Code(files={"steps.py": GREET, "sinks.py": KEEP}, pip=[*requirements])
    return job.model_copy(update={"code": code})


def test_runs_with_different_versions_of_a_package_each_see_their_own(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    options = index(tmp_path / "wheels", "1.0", "2.0")
    versions = ("1.0", "2.0", "1.0")
    for version in versions:
        outcome = run_pipeline(greeting(pipeline, *options, f"greeting=={version}"))
        assert outcome.exit_code == 0, outcome.failure
    assert pipeline.rows == [{"source": it, "stage": it} for it in versions]
    outcome = run_pipeline(greeting(pipeline))
    assert "needs 'greeting', which is missing" in failure_of(outcome).message


def test_what_is_installed_once_is_there_without_an_index(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    folder = tmp_path / "wheels"
    job = greeting(pipeline, *index(folder, "3.0"), "greeting>=3")
    assert run_pipeline(job).exit_code == 0
    for wheel in folder.iterdir():
        wheel.unlink()
    assert run_pipeline(job).exit_code == 0


def test_what_the_image_holds_is_not_installed_again(pipeline: Pipeline) -> None:
    outcome = pipeline([numbers(1), pipeline.keep])
    assert outcome.exit_code == 0
    job = greeting(pipeline, "--no-index", "numpy")
    # Nothing is asked of an index, and the stage still lacks its package.
    assert "needs 'greeting', which is missing" in failure_of(run_pipeline(job)).message


@pytest.mark.parametrize(
    ("requirement", "needs", "message"),
    [
        ("greeting==7", "", "No matching distribution found for greeting==7"),
        ("not a requirement", "", "Invalid requirement: 'not a requirement'"),
        ("greeting", "numpy<1", "numpy<1"),
    ],
)
def test_packages_that_cannot_be_had_are_told_before_anything_runs(
    pipeline: Pipeline, tmp_path: Path, requirement: str, needs: str, message: str
) -> None:
    options = index(tmp_path / "wheels", "1.0", needs=needs)
    outcome = run_pipeline(greeting(pipeline, *options, requirement))
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_) == (2, "Config")
    assert failure.message.startswith("code.pip: ")
    assert message in failure.message
    assert [stage.state for stage in outcome.stages] == ["Pending"] * 3


def test_an_index_that_is_away_is_no_fault_of_the_runs(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_RETRIES", "1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/simple"
        job = greeting(pipeline, f"--index-url={url}", "greeting")
        outcome = run_pipeline(job)
    assert (outcome.exit_code, failure_of(outcome).class_) == (125, "Infrastructure")


def test_a_run_is_stopped_while_its_packages_are_installed(pipeline: Pipeline) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        pipeline.stopping.set()
        job = greeting(pipeline, f"--index-url={url}", "greeting")
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
