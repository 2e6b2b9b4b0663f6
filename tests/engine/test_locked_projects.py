"""Runs whose packages are those of a project in their repository, as its lock file has them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelinerun.api.code import Code
from pipelinerun.api.status import Outcome
from pipelinerun.engine.packages import CACHE
from pipelinerun.engine.run import run_pipeline
from tests.engine.pipeline import Pipeline, failure_of
from tests.support.projects import GROUP, locked_project
from tests.support.repositories import commit, served
from tests.support.wheels import index, served_index

STEPS = """
import greeting

def source():
    yield {"source": greeting.VERSION}

def greet(row):
    return {**row, "stage": greeting.VERSION}
"""
Run = Callable[..., Outcome]


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    index(tmp_path / "wheels", "1.0")
    return tmp_path / "wheels"


@pytest.fixture
def project(tmp_path: Path, wheels: Path) -> Iterator[dict[str, str]]:
    """Files of a project that was locked when there was one version; their index is served."""
    with served_index(wheels) as url:
        made = locked_project(tmp_path / "project", url)
        files = {f"service/{name}": text for name, text in made.items()}
        yield {**files, "service/src/talk.py": STEPS}


@pytest.fixture
def run(pipeline: Pipeline, tmp_path: Path) -> Run:
    def run(files: dict[str, str], **uv: object) -> Outcome:
        source = {"name": "read", "type": "source", "callable": "talk:source"}
        greet = {"name": "greet", "callable": "talk:greet"}
        job = pipeline.job([source, greet, pipeline.keep])
        commit(tmp_path / "repository", files)
        with served(tmp_path / "repository") as url:
            given = {"git": {"url": url, "subdirectory": "service/src"}, "uv": uv}
            code = {"files": job.code.files, **given}
            return run_pipeline(job.model_copy(update={"code": Code.model_validate(code)}))

    return run


def test_what_is_locked_is_installed_and_nothing_newer(
    pipeline: Pipeline, project: dict[str, str], wheels: Path, run: Run
) -> None:
    index(wheels, "2.0")
    outcome = run(project, project="service", groups=[GROUP])
    assert outcome.exit_code == 0, outcome.failure
    assert pipeline.rows == [{"source": "1.0", "stage": "1.0"}]
    assert "'greeting'" in failure_of(run(project, project="service")).message


def test_a_package_that_is_not_the_one_that_was_locked_is_refused(
    monkeypatch: pytest.MonkeyPatch, project: dict[str, str], tmp_path: Path, run: Run
) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    index(tmp_path / "wheels", "1.0", needs="something-else")
    outcome = run(project, project="service", groups=[GROUP])
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_) == (2, "Config")
    assert failure.message.startswith("code.uv: ")
    assert "Hash mismatch for `greeting==1.0`" in failure.message


@pytest.mark.parametrize(
    ("files", "uv", "message"),
    [
        (["pyproject.toml"], {}, "the repository has no uv.lock in 'service'; commit the one"),
        (["pyproject.toml", "uv.lock"], {"project": "."}, "has no pyproject.toml in '.'"),
        (["pyproject.toml", "uv.lock"], {"groups": ["sing"]}, "`sing`"),
    ],
)
def test_a_project_that_cannot_be_installed_is_told(
    project: dict[str, str], run: Run, files: list[str], uv: dict[str, object], message: str
) -> None:
    kept = {path: text for path, text in project.items() if Path(path).name in {*files, "talk.py"}}
    outcome = run(kept, **{"project": "service", **uv})
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_) == (2, "Config")
    assert failure.message.startswith("code.uv.project: ")
    assert message in failure.message
