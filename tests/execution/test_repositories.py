"""Code from Git repositories."""

from pathlib import Path

import pytest

from pipelinerun.api.definition import GitSource
from pipelinerun.api.names import GIT_PASSWORD, GIT_USERNAME
from pipelinerun.engine.errors import RepositoryError
from pipelinerun.engine.repository import checkout
from tests.support.repositories import commit, served


def test_a_branch_a_tag_a_commit_and_a_folder(tmp_path: Path) -> None:
    from dulwich import porcelain

    first = commit(tmp_path, {"steps.py": "1", "README.md": "no code", "text/clean.py": "2"})
    porcelain.tag_create(str(tmp_path), b"v1", annotated=True, message=b"v1", author=b"a <a@b>")
    second = commit(tmp_path, {"steps.py": "3"})
    with served(tmp_path) as url:
        head = checkout(GitSource(url=url))
        assert (head.commit, head.files["steps.py"]) == (second, "3")
        assert set(head.files) == {"steps.py", "text/clean.py"}
        branch = porcelain.active_branch(str(tmp_path)).decode()
        assert checkout(GitSource(url=url, ref=branch)) == head
        for ref in ("v1", first):
            old = checkout(GitSource(url=url, ref=ref))
            assert (old.commit, old.files["steps.py"]) == (first, "1")
        assert checkout(GitSource(url=url, subdirectory="text")).files == {"clean.py": "2"}


@pytest.mark.parametrize(
    ("fields", "message", "transient"),
    [
        ({"ref": "nowhere"}, "has no branch or tag 'nowhere'", False),
        ({"ref": "0" * 40}, f"has no commit {'0' * 40}", False),
        ({"subdirectory": "nowhere"}, "has no folder 'nowhere'", False),
        ({"subdirectory": "steps.py"}, "has no folder 'steps.py'", False),
        ({"secret_ref": "key"}, f"is not in {GIT_PASSWORD}", False),
        ({"url": "http://127.0.0.1:1/steps.git"}, "http://127.0.0.1:1/steps.git", True),
    ],
)
def test_what_cannot_be_had_is_told(
    tmp_path: Path, fields: dict[str, str], message: str, transient: bool
) -> None:
    commit(tmp_path, {"steps.py": "1"})
    with served(tmp_path) as url, pytest.raises(RepositoryError) as caught:
        checkout(GitSource.model_validate({"url": url, **fields}), {})
    assert message in str(caught.value)
    assert caught.value.transient is transient


def test_a_private_repository_wants_a_password(tmp_path: Path) -> None:
    made = commit(tmp_path, {"steps.py": "1"})
    with served(tmp_path, ("git", "right")) as url:
        private = GitSource(url=url, secret_ref="key")
        assert checkout(private, {GIT_PASSWORD: "right"}).commit == made
        for environment in ({GIT_PASSWORD: "wrong"}, {GIT_PASSWORD: "right", GIT_USERNAME: "x"}):
            with pytest.raises(RepositoryError, match="user and password"):
                checkout(private, environment)
        with pytest.raises(RepositoryError, match="user and password"):
            checkout(GitSource(url=url))
