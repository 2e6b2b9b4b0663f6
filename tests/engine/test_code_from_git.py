"""Runs whose code is in a Git repository."""

from pathlib import Path

from pipelinerun.api.code import Code, GitSource
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.status import Verdict
from pipelinerun.engine.finally_stages import run_finally
from pipelinerun.engine.run import run_pipeline
from tests.engine.pipeline import KEEP, Pipeline, failure_of, numbers
from tests.support.repositories import commit, served

TAG = """
from pathlib import Path

def tag(row):
    return {{**row, "version": {version}}}

def last(path):
    Path(path).write_text("{version}")
"""


def job(pipeline: Pipeline, url: str, **files: str) -> PipelineJob:
    config = {"path": str(pipeline.folder / "last")}
    last = {"name": "last", "callable": "tags:last", "config": config}
    stages = [numbers(1), {"name": "tag", "callable": "tags:tag"}, pipeline.keep]
    made = pipeline.job(stages, finally_=[last])
    code = Code(files={"sinks.py": KEEP, **files}, git=GitSource(url=url))
    return made.model_copy(update={"code": code})


def test_each_attempt_runs_what_the_branch_holds_and_says_which_commit(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    repository = tmp_path / "repository"
    for version in (1, 2):
        made = commit(repository, {"tags.py": TAG.format(version=version)})
        with served(repository) as url:
            outcome = run_pipeline(job(pipeline, url))
            assert (outcome.exit_code, outcome.commit) == (0, made), outcome.failure
            verdict = Verdict(phase="Succeeded", reason="Completed", exit_code=0)
            assert run_finally(job(pipeline, url), verdict).exit_code == 0
        assert (pipeline.folder / "last").read_text() == str(version)
    assert [row["version"] for row in pipeline.rows] == [1, 2]


def test_a_module_of_the_repository_that_the_run_has_too_is_refused(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    commit(tmp_path / "repository", {"tags.py": TAG.format(version=1)})
    with served(tmp_path / "repository") as url:
        outcome = run_pipeline(job(pipeline, url, **{"tags.py": ""}))
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_) == (2, "Config")
    assert failure.message == "code.git: tags.py is in code.files as well"
