"""Packages that uv resolves and installs, from a list or from the lock file of a project."""

import os
import re
import shutil
import sys
import sysconfig
import threading
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipelinerun.api.code import Uv
from pipelinerun.engine.errors import PackagesError
from pipelinerun.engine.installing import (
    ComplaintError,
    canonical,
    lines_of,
    listed,
    refused,
    replaces,
    run,
)

FIELD = "code.uv"
LOCK, PROJECT = "uv.lock", "pyproject.toml"
PROJECT_FILES = frozenset({LOCK, PROJECT})
"""Names of the files that a project's requirements are made of."""
_PYPI = "https://pypi.org/simple"
_LOCKED = ("--no-deps", "--require-hashes", "--index-strategy=unsafe-best-match")
"""Options for requirements that are complete; any index will do where hashes are checked. Files of
requirements cannot have them."""
_TOLD = 8
"""Lines of a complaint that are passed on."""
_ERROR = "error: "
_CHANGE = re.compile(r" [+~] (?P<name>[^\s=]+)(?:==(?P<version>\S+)| @ (?P<url>\S+))")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def resolve(
    lines: Sequence[str], installed: Mapping[str, str], folder: Path, stopping: threading.Event
) -> list[str]:
    """Options, and exact requirements for what is missing here; ``folder`` is for files.

    Raises:
        PackagesError: the requirements cannot be met.
        StoppedError: ``stopping`` was set meanwhile.
    """
    plan = _pip_install(["--dry-run", "--break-system-packages"], lines, folder, stopping)
    missing = {canonical(it["name"]): it for it in map(_CHANGE.match, plan.splitlines()) if it}
    for name, it in missing.items():
        if name in installed:
            raise replaces(FIELD, name, it["version"] or it["url"], installed[name])
    exact = [line for line in lines if _is_exact(line) and _name(line) in missing]
    rest = missing.keys() - map(_name, exact)
    options = [line for line in lines if line.startswith("-")] if missing else []
    return [*options, *exact, *(_pin(missing[name]) for name in sorted(rest))]


def install(pins: Sequence[str], target: Path, folder: Path, stopping: threading.Event) -> None:
    """Install exact requirements into a folder of their own.

    Raises:
        PackagesError: they cannot be installed.
        StoppedError: ``stopping`` was set meanwhile.
    """
    # Compiled once: where Python may not write bytecode, each process of Ray would do it anew.
    options = ["--no-deps", "--compile-bytecode", "--target", str(target)]
    _pip_install(options, pins, folder, stopping)


def locked(uv: Uv, files: Mapping[str, str], folder: Path, stopping: threading.Event) -> list[str]:
    """Options and exact requirements of a project, each with its hashes, as its lock file has them.

    The project itself and others beside it are not among them: they are code, not packages.

    Args:
        uv: which project, with which groups and extras.
        files: the repository's files of projects, by path.
        folder: an empty one.
        stopping: set when it has to end.

    Raises:
        PackagesError: there is no such project, or it has no lock file.
        StoppedError: ``stopping`` was set meanwhile.
    """
    assert uv.project is not None  # else there is nothing to look for
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    project = folder / uv.project
    field = f"{FIELD}.project"
    if not (project / PROJECT).exists():
        raise PackagesError(f"the repository has no {PROJECT} in {uv.project!r}", field=field)
    places = [it / LOCK for it in (project, *project.parents) if it.is_relative_to(folder)]
    lock = next((it for it in places if it.exists()), None)
    if lock is None:
        text = (
            f"the repository has no {LOCK} in {uv.project!r}; commit the one that `uv lock` writes"
        )
        raise PackagesError(text, field=field)
    command = ["export", "--frozen", "--quiet", "--no-emit-local", "--no-default-groups"]
    command += ["--no-header", "--no-annotate", "--format", "requirements.txt"]
    command += [f"--group={it}" for it in uv.groups] + [f"--extra={it}" for it in uv.extras]
    requirements = _uv(command, project, stopping, field)
    lines = requirements.replace("\\\n", "").splitlines()
    return [*_LOCKED, *_indexes(lock.read_text()), *(" ".join(it.split()) for it in lines)]


def _indexes(lock: str) -> Iterator[str]:
    """Options for the indexes that a lock file's packages are from."""
    sources = (it["source"] for it in tomllib.loads(lock).get("package", ()))
    found = dict.fromkeys(it["registry"] for it in sources if "registry" in it)
    remote = [it for it in found if it.startswith("http")]
    if _PYPI in remote:
        remote.remove(_PYPI)
    elif remote:
        yield f"--index-url={remote.pop(0)}"
    yield from (f"--extra-index-url={it}" for it in remote)


def _is_exact(line: str) -> bool:
    """Whether a line says more than a name and a version could."""
    return not line.startswith("-") and ("--hash" in line or " @ " in line)


def _name(line: str) -> str:
    found = _NAME.match(line)
    return canonical(found[0]) if found else ""


def _pin(change: re.Match[str]) -> str:
    name, version, url = change.group("name", "version", "url")
    return f"{name} @ {url}" if url else f"{name}=={version}"


def _pip_install(
    options: Sequence[str], lines: Sequence[str], folder: Path, stopping: threading.Event
) -> str:
    in_file = [line for line in lines if line not in _LOCKED]
    given = [line for line in lines if line in _LOCKED and line not in options]
    command = ["pip", "install", *options, *given, "--python", sys.executable]
    return _uv([*command, *listed(folder, in_file)], folder, stopping, FIELD)


def _uv(arguments: Sequence[str], folder: Path, stopping: threading.Event, field: str) -> str:
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    program = shutil.which("uv", path=path)
    if program is None:
        text = "needs the program uv, which is not installed here; install it, or use code.pip"
        raise PackagesError(text, field=FIELD)
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    # On the same file system as what is installed, which is then the same files.
    environment.setdefault("UV_CACHE_DIR", str(folder.parent / "uv"))
    command = [program, "--color=never", *arguments]
    try:
        return run(command, stopping, folder=folder, environment=environment)
    except ComplaintError as error:
        lines = lines_of(str(error))
        start = next((at for at, it in enumerate(lines) if it.startswith(_ERROR)), 0)
        told = [it.removeprefix(_ERROR) for it in lines[start : start + _TOLD]]
        raise refused(field, told, str(error)) from error
