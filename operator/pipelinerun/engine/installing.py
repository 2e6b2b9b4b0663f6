"""Programs that install packages: running them, and what their complaints mean."""

import re
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelinerun.engine.errors import PackagesError, StoppedError
from pipelinerun.engine.secrets import hidden

_POLL = 0.2
_NETWORK = (
    *("connection", "timed out", "timeout", "unreachable", "name resolution", "dns error"),
    *("HTTP error 5", "HTTP status server error"),
)
"""Words in a complaint that is not about the requirements."""


class ComplaintError(Exception):
    """A program has failed; its message is all that it said."""


def run(
    command: Sequence[str],
    stopping: threading.Event,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a program to its end; what it printed.

    Raises:
        ComplaintError: it failed.
        StoppedError: ``stopping`` was set meanwhile; it was killed.
    """
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        while process.poll() is None:
            if stopping.wait(_POLL):
                process.kill()
                process.wait()
                raise StoppedError
        said.seek(0)
        text = said.read()
    if process.returncode != 0:
        raise ComplaintError(text)
    return text


def refused(field: str, lines: Sequence[str], said: str) -> PackagesError:
    """What a complaint means for the run, of which some lines are passed on."""
    problem = hidden("; ".join(lines)) or "the installer failed and said nothing"
    transient = any(word.lower() in said.lower() for word in _NETWORK)
    return PackagesError(problem, field=field, transient=transient)


def replaces(field: str, name: str, version: str, there: str) -> PackagesError:
    """Why requirements that would change the image are refused."""
    text = f"{name} {version} would replace {there}, which is part of the image"
    return PackagesError(f"{text}; build an image with it instead", field=field)


def listed(folder: Path, lines: Sequence[str]) -> list[str]:
    """Options that hand requirements to an installer, by a file in a folder."""
    path = folder / "requirements.txt"
    path.write_text("\n".join(lines) + "\n")
    return ["-r", str(path)]


def lines_of(text: str) -> list[str]:
    """Lines that say something."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def canonical(name: str) -> str:
    """The name of a package in the spelling that all its names share."""
    return re.sub(r"[-_.]+", "-", name).lower()
