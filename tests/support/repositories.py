"""Git repositories for tests, served over HTTP."""

import base64
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from dulwich import porcelain
from dulwich.repo import Repo
from dulwich.server import BackendRepo, DictBackend
from dulwich.web import make_wsgi_chain

WHO = b"Somebody <somebody@example.org>"


def commit(folder: Path, files: Mapping[str, str]) -> str:
    """Commit files to the repository in a folder, which is made if there is none; the commit."""
    repository = Repo(str(folder)) if (folder / ".git").exists() else porcelain.init(str(folder))
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        porcelain.add(repository, str(path))
    made = porcelain.commit(repository, message=b"Change", author=WHO, committer=WHO)
    repository.close()
    return made.decode()


@contextmanager
def served(
    folder: Path, credentials: tuple[str, str] | None = None, host: str = "127.0.0.1"
) -> Iterator[str]:
    """Serve a repository for the length of a block; gives its URL."""
    repository = Repo(str(folder))
    repositories: dict[str, BackendRepo] = {"/steps.git": repository}
    application = make_wsgi_chain(DictBackend(repositories))
    guarded = application if credentials is None else _guarded(application, credentials)
    with make_server(host, 0, guarded, _Server, _Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{host}:{server.server_port}/steps.git"
        server.shutdown()
    repository.close()


def _guarded(application: Callable[..., Any], credentials: tuple[str, str]) -> Callable[..., Any]:
    expected = "Basic " + base64.b64encode(":".join(credentials).encode()).decode()

    def check(environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environment.get("HTTP_AUTHORIZATION") == expected:
            return application(environment, start)  # type: ignore[no-any-return]
        start("401 Unauthorized", [("WWW-Authenticate", "Basic realm=steps")])
        return [b""]

    return check


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nobody listens."""
