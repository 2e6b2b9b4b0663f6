"""A real ssh server, in a process of its own, that gives out a Git repository and nothing else."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncssh

_ALGORITHM = "ssh-ed25519"


@dataclass(frozen=True)
class SshAccess:
    """What somebody has to know to read a repository.

    Attributes:
        url: of the repository.
        key: private, as ssh-keygen writes it.
        known_hosts: the line for the server.
    """

    url: str
    key: str
    known_hosts: str


def private_key() -> str:
    """A new private key that no server knows."""
    return asyncssh.generate_private_key(_ALGORITHM).export_private_key().decode()


@contextmanager
def served_over_ssh(folder: Path, host: str = "127.0.0.1") -> Iterator[SshAccess]:
    """Serve a repository for the length of a block, to one who has the key."""
    command = [sys.executable, "-m", __name__, str(folder), host]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None  # it is a pipe
        try:
            yield SshAccess(**json.loads(server.stdout.readline()))
        finally:
            server.kill()


async def _serve(folder: Path, host: str) -> None:
    user, own = (asyncssh.generate_private_key(_ALGORITHM) for _ in range(2))
    server = await asyncssh.listen(
        host,
        0,
        server_host_keys=[own],
        authorized_client_keys=asyncssh.import_authorized_keys(_line(user)),
        process_factory=lambda process: _upload(process, folder),
        encoding=None,
    )
    port = server.get_port()
    key = user.export_private_key().decode()
    url = f"ssh://git@{host}:{port}/steps.git"
    access = SshAccess(url, key, f"[{host}]:{port} {_line(own)}")
    print(json.dumps(asdict(access)), flush=True)
    await server.wait_closed()


def _line(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode().strip()


async def _upload(process: "asyncssh.SSHServerProcess[bytes]", folder: Path) -> None:
    """What Git's own program does, for the one repository that there is."""
    if process.command != "git-upload-pack '/steps.git'":
        process.stderr.write(b"fatal: there is no such repository\n")
        process.exit(128)
        return
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dulwich", "upload-pack", str(folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    await process.redirect(stdin=program.stdin, stdout=program.stdout)
    process.exit(await program.wait())


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), sys.argv[2]))
