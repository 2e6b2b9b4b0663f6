"""Code from Git repositories, fetched into memory."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dulwich.client import HttpGitClient, HTTPUnauthorized
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

from pipelinerun.api.definition import GitSource
from pipelinerun.api.names import GIT_PASSWORD, GIT_USERNAME
from pipelinerun.engine.errors import RepositoryError

MAX_BYTES = 4 * 1024**2
"""Bytes of all modules together: they go to every process that runs a stage."""
_TIMEOUT = 30.0
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Checkout:
    """What a repository holds at a commit: Python files by path below the subdirectory."""

    commit: str
    files: Mapping[str, str]


def checkout(source: GitSource, environment: Mapping[str, str] = os.environ) -> Checkout:
    """Fetch one commit, without its history.

    Raises:
        RepositoryError: it cannot be had.
    """
    try:
        return _checkout(source, environment)
    except HTTPUnauthorized as error:
        raise RepositoryError(f"{source.url} wants another user and password") from error
    except NotGitRepository as error:
        raise RepositoryError(f"{source.url} is no repository") from error
    except (GitProtocolError, HTTPError, OSError) as error:
        # That a server refuses a commit, and any answer that makes no sense, is for good.
        away = isinstance(error, HangupException | HTTPError | OSError)
        away = away or isinstance(error.__cause__, HTTPError)
        raise RepositoryError(f"{source.url}: {error}", transient=away) from error


def _checkout(source: GitSource, environment: Mapping[str, str]) -> Checkout:
    user, password = _credentials(source, environment)
    client = HttpGitClient(source.url, username=user, password=password, timeout=_TIMEOUT)
    refs = client.get_refs("").refs
    wanted, repository = _resolved(source, refs), MemoryRepo()
    heads = [it for name, it in refs.items() if it and not name.endswith(b"^{}")]
    try:
        client.fetch("", repository, lambda *_args, **_options: [wanted], depth=1)
    except GitProtocolError:
        if wanted in heads:
            raise
        # Some servers give nothing but what a branch or tag names.
        client.fetch("", repository, lambda *_args, **_options: heads)
    if wanted not in repository:
        raise RepositoryError(f"{source.url} has no commit {wanted.decode()}")
    found = repository[wanted]
    while isinstance(found, Tag):
        found = repository[found.object[1]]
    if not isinstance(found, Commit):
        raise RepositoryError(f"{source.ref!r} is no commit")
    return Checkout(found.id.decode(), dict(_modules(repository, found.tree, source)))


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


def _modules(
    repository: MemoryRepo, tree: ObjectID, source: GitSource
) -> Iterator[tuple[str, str]]:
    store = repository.object_store
    if source.subdirectory is not None:
        path = source.subdirectory.strip("/")
        try:
            _, tree = tree_lookup_path(store.__getitem__, tree, path.encode())
            folder = isinstance(store[tree], Tree)
        except (KeyError, NotTreeError):
            folder = False
        if not folder:
            raise RepositoryError(f"{source.url} has no folder {path!r}")
    size = 0
    for entry in iter_tree_contents(store, tree):
        blob = store[entry.sha] if entry.path.endswith(b".py") else None
        if not isinstance(blob, Blob):
            continue
        size += len(blob.data)
        if size > MAX_BYTES:
            text = f"its modules are more than {MAX_BYTES} bytes; name a subdirectory"
            raise RepositoryError(text)
        yield entry.path.decode(), blob.data.decode("utf-8", errors="replace")
