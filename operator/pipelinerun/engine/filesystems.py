"""File systems that Arrow knows."""

import re
from pathlib import Path

from pyarrow.fs import FileSystem, LocalFileSystem

_URI = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def filesystem_of(path: str) -> tuple[FileSystem, str]:
    """The file system of a path or URI, and the path in it.

    Raises:
        ValueError: it is of no kind that Arrow knows.
    """
    if _URI.match(path):
        found: tuple[FileSystem, str] = FileSystem.from_uri(path)
        return found
    return LocalFileSystem(), str(Path(path).absolute())
