"""Code from Git repositories."""

from pathlib import Path

import pytest

from pipelinerun.api.code import GitSource
from pipelinerun.api.names import GIT_KNOWN_HOSTS, GIT_PASSWORD, GIT_SSH_KEY, GIT_USERNAME
from pipelinerun.engine.errors import RepositoryError
from pipelinerun.engine.repository import checkout
from tests.support.repositories import commit, served
from tests.support.ssh_server import private_key, served_over_ssh


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


def test_a_repository_over_ssh(tmp_path: Path) -> None:
    made = commit(tmp_path, {"steps.py": "1", "text/clean.py": "2"})
    with served_over_ssh(tmp_path) as access:
        environment = {GIT_SSH_KEY: access.key, GIT_KNOWN_HOSTS: access.known_hosts}
        source = GitSource(url=access.url, subdirectory="text", secret_ref="key")
        found = checkout(source, environment)
    assert (found.commit, found.files) == (made, {"clean.py": "2"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({GIT_SSH_KEY: private_key()}, "wants another user or key"),
        ({GIT_KNOWN_HOSTS: "example.org ssh-ed25519 AAAA"}, "in known_hosts of Secret key"),
        ({"url": "/other.git"}, "fatal: there is no such repository"),
    ],
)
def test_what_ssh_does_not_let_in_is_told(
    tmp_path: Path, change: dict[str, str], message: str
) -> None:
    commit(tmp_path, {"steps.py": "1"})
    with served_over_ssh(tmp_path) as access:
        environment = {GIT_SSH_KEY: access.key, GIT_KNOWN_HOSTS: access.known_hosts, **change}
        url = access.url.replace("/steps.git", change.get("url", "/steps.git"))
        with pytest.raises(RepositoryError) as caught:
            checkout(GitSource(url=url, secret_ref="key"), environment)
    assert message in str(caught.value)
    assert not caught.value.transient


@pytest.mark.parametrize("url", ["ssh://git@127.0.0.1:1/a.git", "git@nowhere.invalid:a.git"])
def test_an_ssh_server_that_is_away_may_come_back(url: str) -> None:
    with pytest.raises(RepositoryError) as caught:
        checkout(GitSource(url=url), {})
    assert caught.value.transient, caught.value
