"""Git over ssh, by the program of OpenSSH.

It knows what people expect of it: agents, ``~/.ssh/config``, jump hosts. What comes from a Secret
is in files for as long as the program needs them.
"""

import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from urllib.parse import urlsplit

from dulwich.client import SSHGitClient, parse_rsync_url
from dulwich.errors import HangupException
from dulwich.protocol import Protocol

from pipelinerun.api.code import GitSource
from pipelinerun.api.names import GIT_KNOWN_HOSTS, GIT_SSH_KEY
from pipelinerun.engine.errors import RepositoryError

_OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": "30",
    "LogLevel": "ERROR",
    "ServerAliveInterval": "15",
    # A host that nobody has vouched for could hand out any code.
    "StrictHostKeyChecking": "yes",
    "UpdateHostKeys": "no",
}
_AWAY = ("resolve hostname", "connect to", "timed out", "timeout", "connection", "unreachable")
"""Words in what ssh says when it has not reached a server."""


@contextmanager
def connection(
    source: GitSource, environment: Mapping[str, str]
) -> Iterator[tuple[SSHGitClient, str]]:
    """A client for a repository, and its path, for as long as a block lasts.

    Without a key of the run, ssh takes those of whoever runs the pipeline.

    Raises:
        RepositoryError: there is no ssh here.
    """
    if shutil.which("ssh") is None:
        raise RepositoryError(f"{source.url} needs the program ssh, which is not installed here")
    user, host, port, path = _parts(source.url)
    options = dict(_OPTIONS)
    with TemporaryDirectory() as folder:
        if key := environment.get(GIT_SSH_KEY):
            options |= {"IdentityFile": _file(folder, "key", key), "IdentitiesOnly": "yes"}
        if known := environment.get(GIT_KNOWN_HOSTS):
            options["UserKnownHostsFile"] = _file(folder, "known_hosts", known)
        command = ["ssh", *(word for it in options.items() for word in ("-o", "=".join(it)))]
        client = _Client(host, port, user, ssh_command=shlex.join(command))
        with closing(client):
            yield client, path


class _Client(SSHGitClient):
    """A client that leaves no ssh behind: it would forget those that end unasked."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._protocols: list[Protocol] = []

    def _connect(
        self, cmd: bytes, path: str | bytes, protocol_version: int | None = None
    ) -> tuple[Protocol, Callable[[], bool], IO[bytes] | None]:
        protocol, readable, stderr = super()._connect(cmd, path, protocol_version)
        self._protocols.append(protocol)
        return protocol, readable, stderr

    def close(self) -> None:
        """End every ssh that was started."""
        for it in self._protocols:
            it.close()


def explained(source: GitSource, error: HangupException) -> RepositoryError:
    """Why a server has said nothing more, from what ssh printed."""
    _, host, port, _ = _parts(source.url)
    said = "; ".join(line for line in str(error).splitlines() if line.strip())
    if "Host key verification failed" in said:
        at = f"-p {port} {host}" if port else host
        place = f"known_hosts of Secret {source.secret_ref}" if source.secret_ref else "known_hosts"
        text = f"the host's key is not the one in {place}, or none is there; see ssh-keyscan {at}"
        return RepositoryError(f"{source.url}: {text}")
    if "Permission denied" in said:
        return RepositoryError(f"{source.url} wants another user or key ({said})")
    away = not error.stderr_lines or any(word in said.lower() for word in _AWAY)
    return RepositoryError(f"{source.url}: {said}", transient=away)


def _parts(url: str) -> tuple[str | None, str, int | None, str]:
    """User, host, port and path."""
    if url.startswith("ssh://"):
        parts = urlsplit(url)
        return parts.username, parts.hostname or "", parts.port, parts.path
    user, host, path = parse_rsync_url(url)
    return user, host, None, path


def _file(folder: str, name: str, text: str) -> str:
    path = Path(folder, name)
    path.touch(mode=0o600)  # ssh takes no key that others can read
    path.write_text(f"{text.strip()}\n")
    return os.fspath(path)
