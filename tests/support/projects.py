"""Projects with lock files, as uv writes them."""

import subprocess
from pathlib import Path

from scripts.bootstrap import find_uv

GROUP = "talk"
"""The dependency group that needs a package."""
_PROJECT = """
[project]
name = "steps"
version = "1"
requires-python = ">=3.11"

[dependency-groups]
talk = ["greeting"]

[[tool.uv.index]]
url = "{index}"
default = true
"""
_FILES = ("pyproject.toml", "uv.lock")


def locked_project(folder: Path, index: str) -> dict[str, str]:
    """The files of a project, locked with the versions that are in an index now."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(_PROJECT.format(index=index))
    uv = find_uv()
    assert uv is not None  # this environment was made by it
    subprocess.run([uv, "lock", "--quiet"], cwd=folder, check=True)
    return {name: (folder / name).read_text() for name in _FILES}
