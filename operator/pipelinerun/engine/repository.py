"""Code from Git repositories, fetched into memory."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

from dulwich.client import GitClient, HttpGitClient, HTTPUnauthorized
from dulwich.errors import (
    GitProtocolError,
    HangupException,
    NotGitRepository,
    NotTreeError,
)
from dulwich.object_store import iter_tree_contents, tree_lookup_path
from dulwich.objects import Blob, Commit, ObjectID, Tag, Tree
from dulwich.refs import Ref
from dulwich.repo import MemoryRepo
from urllib3.exceptions import HTTPError

from pipelinerun.api.code import GitSource
from pipelinerun.api.names import GIT_PASSWORD, GIT_USERNAME
from pipelinerun.engine import ssh
from pipelinerun.engine.errors import RepositoryError
from pipelinerun.engine.with_uv import PROJECT_FILES

MAX_BYTES = 4 * 1024**2
"""Bytes of all modules together: they go to every process that runs a stage."""
_TIMEOUT = 30.0
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Checkout:
    """What a repository holds at a commit.

    Attributes:
        commit: its name.
        files: modules by path below the subdirectory.
        projects: files that say what projects need, by path; none where they were not asked for.
    """

    commit: str
    files: Mapping[str, str]
    projects: Mapping[str, str]


def checkout(
    source: GitSource, environment: Mapping[str, str] = os.environ, *, projects: bool = False
) -> Checkout:
    """Fetch one commit, without its history.

    ``projects``: and what it says of projects, wherever it does.

    Raises:
        RepositoryError: it cannot be had.
    """
    try:
        return _checkout(source, environment, projects=projects)
    except HTTPUnauthorized as error:
        raise RepositoryError(f"{source.url} wants another user and password") from error
    except NotGitRepository as error:
        raise RepositoryError(f"{source.url} is no repository") from error
    except (GitProtocolError, HTTPError, OSError) as error:
        if source.over_ssh and isinstance(error, HangupException):
            raise ssh.explained(source, error) from error
        # That a server refuses a commit, and any answer that makes no sense, is for good.
        away = isinstance(error, HangupException | HTTPError | OSError)
        away = away or isinstance(error.__cause__, HTTPError)
        raise RepositoryError(f"{source.url}: {error}", transient=away) from error


def _checkout(source: GitSource, environment: Mapping[str, str], *, projects: bool) -> Checkout:
    with _connection(source, environment) as (client, path):
        refs = client.get_refs(path.encode()).refs
        wanted, repository = _resolved(source, refs), MemoryRepo()
        heads = [it for name, it in refs.items() if it and not name.endswith(b"^{}")]
        try:
            client.fetch(path, repository, lambda *_args, **_options: [wanted], depth=1)
        except GitProtocolError:
            if wanted in heads:
                raise
            # Some servers give nothing but what a branch or tag names.
            client.fetch(path, repository, lambda *_args, **_options: heads)
    if wanted not in repository:
        raise RepositoryError(f"{source.url} has no commit {wanted.decode()}")
    found = repository[wanted]
    while isinstance(found, Tag):
        found = repository[found.object[1]]
    if not isinstance(found, Commit):
        raise RepositoryError(f"{source.ref!r} is no commit")
    modules: dict[str, str] = {}
    size = 0
    for path, text in _texts(repository, _folder(repository, found.tree, source), _is_module):
        size += len(text.encode())
        if size > MAX_BYTES:
            problem = f"its modules are more than {MAX_BYTES} bytes; name a subdirectory"
            raise RepositoryError(problem)
        modules[path] = text
    of_projects = _texts(repository, found.tree, _is_of_project) if projects else ()
    return Checkout(found.id.decode(), modules, dict(of_projects))


@contextmanager
def _connection(
    source: GitSource, environment: Mapping[str, str]
) -> Iterator[tuple[GitClient, str]]:
    """A client for a repository, and the path that it wants to be given with every request."""
    if source.over_ssh:
        with ssh.connection(source, environment) as (client, path):
            yield client, path
    else:
        user, password = _credentials(source, environment)
        yield HttpGitClient(source.url, username=user, password=password, timeout=_TIMEOUT), ""


def _credentials(
    source: GitSource, environment: Mapping[str, str]
) -> tuple[str | None, str | None]:
    if source.secret_ref is None:
        return None, None
    password = environment.get(GIT_PASSWORD)
    if password is None:
        raise RepositoryError(f"the password for {source.url} is not in {GIT_PASSWORD}")
    return environment.get(GIT_USERNAME) or "git", password


def _resolved(source: GitSource, refs: Mapping[Ref, ObjectID | None]) -> ObjectID:
    ref = source.ref
    if ref is not None and _COMMIT.fullmatch(ref):
        return ObjectID(ref.encode())
    names = ["HEAD"] if ref is None else [ref, f"refs/heads/{ref}", f"refs/tags/{ref}"]
    found = (refs.get(Ref(name.encode())) for name in names)
    commit = next((it for it in found if it is not None), None)
    if commit is None:
        raise RepositoryError(f"{source.url} has no branch or tag {ref or 'HEAD'!r}")
    return commit


def _folder(repository: MemoryRepo, tree: ObjectID, source: GitSource) -> ObjectID:
    """The folder whose files are modules."""
    if source.subdirectory is None:
        return tree
    store, path = repository.object_store, source.subdirectory.strip("/")
    try:
        _, tree = tree_lookup_path(store.__getitem__, tree, path.encode())
        folder = isinstance(store[tree], Tree)
    except (KeyError, NotTreeError):
        folder = False
    if not folder:
        raise RepositoryError(f"{source.url} has no folder {path!r}")
    return tree


def _texts(
    repository: MemoryRepo, tree: ObjectID, wanted: Callable[[PurePosixPath], bool]
) -> Iterator[tuple[str, str]]:
    """The files of a folder that are wanted, by path."""
    store = repository.object_store
    for entry in iter_tree_contents(store, tree):
        path = entry.path.decode(errors="replace")
        blob = store[entry.sha] if wanted(PurePosixPath(path)) else None
        if isinstance(blob, Blob):
            yield path, blob.data.decode("utf-8", errors="replace")


def _is_module(path: PurePosixPath) -> bool:
    return path.suffix == ".py"


def _is_of_project(path: PurePosixPath) -> bool:
    # They are written to a folder, and a tree may name anything.
    return path.name in PROJECT_FILES and not path.is_absolute() and ".." not in path.parts
