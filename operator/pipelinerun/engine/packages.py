"""Packages that come with a run, beside those that the image holds.

They are resolved against what is installed. What is missing goes into a folder of a cache, named
after what it holds, and comes last on the search path: nothing of the image is replaced.

Ray makes environments for its tasks, but the driver loads the run's code as well, and has to be in
the same one.
"""

import hashlib
import json
import os
import re
import shutil
import site
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from pipelinerun.engine.errors import PackagesError, StoppedError
from pipelinerun.engine.secrets import hidden

CACHE = "PIPELINERUN_CACHE"
"""Variable with the folder of the cache; below the home directory without it."""

_PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "--no-cache-dir", "install")
_POLL = 0.2
_TOLD = 5
"""Lines of pip's complaint that are passed on."""
_NETWORK = ("connection", "timed out", "timeout", "name resolution", "unreachable", "HTTP error 5")
"""Words in a complaint that is not about the requirements."""


def resolved(requirements: Sequence[str], stopping: threading.Event) -> tuple[str, ...]:
    """What has to be installed so that requirements are met here: options, then exact versions.

    Takes some seconds the first time; the answer is kept until something else is installed.

    Raises:
        PackagesError: they cannot be met.
        StoppedError: ``stopping`` was set meanwhile.
    """
    if not requirements:
        return ()
    installed = _installed()
    known = _cache() / f"resolved-{_digest([requirements, sorted(installed.items())])}.json"
    if not known.exists():
        with _scratch() as folder:
            report = folder / "report.json"
            listed = _listed(folder, requirements)
            _pip(["--quiet", "--dry-run", "--report", str(report), *listed], stopping)
            items = json.loads(report.read_text())["install"]
            options = [line for line in requirements if line.startswith("-")]
            pins = [*options, *_pins(items, installed)] if items else []
            answer = folder / "answer"
            answer.write_text(json.dumps(pins))
            answer.replace(known)
    return tuple(json.loads(known.read_text()))


def folder_of(pins: Sequence[str], stopping: threading.Event | None = None) -> str | None:
    """The folder with exactly these packages, installed now if it is not there; None without any.

    Raises:
        PackagesError: they cannot be installed.
        StoppedError: ``stopping`` was set meanwhile.
    """
    if not pins:
        return None
    folder = _cache() / f"packages-{_digest(pins)}"
    if not folder.exists():
        with _scratch() as scratch:
            target = scratch / "packages"
            options = ["--quiet", "--no-deps", "--target", str(target)]
            _pip([*options, *_listed(scratch, pins)], stopping or threading.Event())
            try:
                target.rename(folder)
            except OSError:
                if not folder.exists():  # else somebody else was as far a moment ago
                    raise
    return str(folder)


_used: str | None = None


def use(folder: str | None) -> None:
    """Make the packages in a folder importable in this process, in place of those before.

    They stay so until then: what is written in C can often be loaded only once.
    """
    global _used  # noqa: PLW0603 - sys.path is global as well
    if folder == _used:
        return
    if _used is not None:
        sys.path[:] = [it for it in sys.path if not it.startswith(_used)]
        _forget(_used)
    if folder is not None:
        site.addsitedir(folder)
    _used = folder


def _forget(folder: str) -> None:
    for name, module in [*sys.modules.items()]:
        if (getattr(module, "__file__", None) or "").startswith(folder):
            del sys.modules[name]
    sys.path_importer_cache.pop(folder, None)


def _installed() -> dict[str, str]:
    """Versions of what this process could import before any packages of a run."""
    cache = str(_cache())
    found = distributions(path=[it for it in sys.path if not it.startswith(cache)])
    return {_canonical(it.name): it.version for it in found}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pins(items: Sequence[Any], installed: dict[str, str]) -> Iterator[str]:
    """Exact requirements for what pip would install, with hashes where it knows all of them."""
    hashes = [it["download_info"].get("archive_info", {}).get("hashes", {}) for it in items]
    all_known = all("sha256" in it for it in hashes)
    for item, known in zip(items, hashes, strict=True):
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        there = installed.get(_canonical(name))
        if there is not None:
            text = f"{name} {version} would replace {there}, which is part of the image"
            raise PackagesError(f"{text}; build an image with it instead")
        url = item["download_info"]["url"]
        pin = f"{name} @ {url}" if item["is_direct"] else f"{name}=={version}"
        yield f"{pin} --hash=sha256:{known['sha256']}" if all_known else pin


def _pip(arguments: Sequence[str], stopping: threading.Event) -> None:
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, *_PIP, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        while process.poll() is None:
            if stopping.wait(_POLL):
                process.kill()
                process.wait()
                raise StoppedError
        if process.returncode == 0:
            return
        said.seek(0)
        text = said.read()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    problem = hidden("; ".join(lines[-_TOLD:]))
    transient = any(word.lower() in text.lower() for word in _NETWORK)
    raise PackagesError(problem or "pip failed and said nothing", transient=transient)


def _listed(folder: Path, lines: Sequence[str]) -> list[str]:
    path = folder / "requirements.txt"
    path.write_text("\n".join(lines) + "\n")
    return ["-r", str(path)]


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder from which what is complete can be moved to its place."""
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=cache, prefix="."))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cache() -> Path:
    return Path(os.environ.get(CACHE) or Path.home() / ".cache" / "pipelinerun")


def _digest(content: object) -> str:
    text = json.dumps([content, sys.version_info[:2], sys.platform], default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
