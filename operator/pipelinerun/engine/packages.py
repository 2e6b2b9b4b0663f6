"""Packages that come with a run, beside those that the image holds.

They are resolved against what is installed. What is missing goes into a folder of a cache, named
after what it holds, and comes last on the search path: nothing of the image is replaced.

Ray makes environments for its tasks, but the driver loads the run's code as well, and has to be in
the same one.
"""

import hashlib
import json
import os
import shutil
import site
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Literal

from pipelinerun.api.code import Code, Uv
from pipelinerun.engine import with_pip, with_uv
from pipelinerun.engine.installing import canonical

CACHE = "PIPELINERUN_CACHE"
"""Variable with the folder of the cache; below the home directory without it."""

_INSTALLERS = {"pip": with_pip, "uv": with_uv}


@dataclass(frozen=True)
class Packages:
    """Packages by the lines of a requirements file.

    Attributes:
        installer: which understands them.
        lines: options and requirements.
    """

    installer: Literal["pip", "uv"]
    lines: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.lines)


def packages_of(code: Code) -> Packages:
    """The packages that are listed for a run."""
    if code.uv is not None:
        return Packages("uv", tuple(code.uv.packages or ()))
    return Packages("pip", tuple(code.pip))


def with_packages(code: Code, pins: Packages) -> Code:
    """The code with other packages listed, and no project."""
    if pins.installer == "uv":
        return code.model_copy(update={"uv": Uv.model_construct(packages=[*pins.lines])})
    return code.model_copy(update={"pip": [*pins.lines]})


def resolved(wanted: Packages, stopping: threading.Event) -> Packages:
    """What has to be installed so that requirements are met here: options, then exact versions.

    Takes some seconds the first time; the answer is kept until something else is installed.

    Raises:
        PackagesError: they cannot be met.
        StoppedError: ``stopping`` was set meanwhile.
    """
    if not wanted:
        return wanted
    installed = _installed()
    content = [wanted.installer, wanted.lines, sorted(installed.items())]
    known = _cache() / f"resolved-{_digest(content)}.json"
    if not known.exists():
        with _scratch() as folder:
            installer = _INSTALLERS[wanted.installer]
            pins = installer.resolve(wanted.lines, installed, folder, stopping)
            answer = folder / "answer"
            answer.write_text(json.dumps(pins))
            answer.replace(known)
    return Packages(wanted.installer, tuple(json.loads(known.read_text())))


def folder_of(pins: Packages, stopping: threading.Event | None = None) -> str | None:
    """The folder with exactly these packages, installed now if it is not there; None without any.

    Raises:
        PackagesError: they cannot be installed.
        StoppedError: ``stopping`` was set meanwhile.
    """
    if not pins:
        return None
    folder = _cache() / f"packages-{_digest([pins.installer, pins.lines])}"
    if not folder.exists():
        with _scratch() as scratch:
            target = scratch / "packages"
            installer = _INSTALLERS[pins.installer]
            installer.install(pins.lines, target, scratch, stopping or threading.Event())
            try:
                target.rename(folder)
            except OSError:
                if not folder.exists():  # else somebody else was as far a moment ago
                    raise
    return str(folder)


def locked(uv: Uv, files: Mapping[str, str], stopping: threading.Event) -> list[str]:
    """The requirements of a project in a repository; see ``with_uv.locked``."""
    with _scratch() as folder:
        return with_uv.locked(uv, files, folder, stopping)


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
    return {canonical(it.name): it.version for it in found}


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
    return Path(os.environ.get(CACHE) or Path.home() / ".cache" / "pipelinerun").absolute()


def _digest(content: object) -> str:
    text = json.dumps([content, sys.version_info[:2], sys.platform], default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
