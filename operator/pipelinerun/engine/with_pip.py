"""Packages that pip resolves and installs."""

import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelinerun.engine.installing import (
    ComplaintError,
    canonical,
    lines_of,
    listed,
    refused,
    replaces,
    run,
)

FIELD = "code.pip"
_COMMAND = ("-m", "pip", "--disable-pip-version-check", "--no-input", "--no-cache-dir", "install")
_TOLD = 5
"""Lines of a complaint that are passed on."""


def resolve(
    lines: Sequence[str], installed: Mapping[str, str], folder: Path, stopping: threading.Event
) -> list[str]:
    """Options, and exact requirements for what is missing here; ``folder`` is for files.

    Raises:
        PackagesError: the requirements cannot be met.
        StoppedError: ``stopping`` was set meanwhile.
    """
    report = folder / "report.json"
    _pip(["--quiet", "--dry-run", "--report", str(report), *listed(folder, lines)], stopping)
    items = json.loads(report.read_text())["install"]
    options = [line for line in lines if line.startswith("-")]
    return [*options, *_pins(items, installed)] if items else []


def install(pins: Sequence[str], target: Path, folder: Path, stopping: threading.Event) -> None:
    """Install exact requirements into a folder of their own.

    Raises:
        PackagesError: they cannot be installed.
        StoppedError: ``stopping`` was set meanwhile.
    """
    _pip(["--quiet", "--no-deps", "--target", str(target), *listed(folder, pins)], stopping)


def _pins(items: Sequence[Any], installed: Mapping[str, str]) -> Iterator[str]:
    """Exact requirements for what pip would install, with hashes where it knows all of them."""
    hashes = [it["download_info"].get("archive_info", {}).get("hashes", {}) for it in items]
    all_known = all("sha256" in it for it in hashes)
    for item, known in zip(items, hashes, strict=True):
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        there = installed.get(canonical(name))
        if there is not None:
            raise replaces(FIELD, name, version, there)
        url = item["download_info"]["url"]
        pin = f"{name} @ {url}" if item["is_direct"] else f"{name}=={version}"
        yield f"{pin} --hash=sha256:{known['sha256']}" if all_known else pin


def _pip(arguments: Sequence[str], stopping: threading.Event) -> None:
    try:
        run([sys.executable, *_COMMAND, *arguments], stopping)
    except ComplaintError as error:
        said = str(error)
        raise refused(FIELD, lines_of(said)[-_TOLD:], said) from error
