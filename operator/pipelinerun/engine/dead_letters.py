"""Dead letters: rows that a stage failed on, as JSON lines, each row once.

They may go to code of the user's instead, which is called where the stage is, and which a task that
Ray runs again calls again.

A process writes what a piece of work failed on to a new file, and tells the driver its name with
the counts of its Ray task. Of a task that Ray runs again the files replace those of its first
execution, as the counts do; in the end the driver removes the files that no task claims.
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from typing import Any
from uuid import uuid4

from pyarrow.fs import FileSelector

from pipelinerun.api.status import Failure
from pipelinerun.engine.filesystems import filesystem_of

Letter = dict[str, Any]
"""What a call was given, and what it raised."""


@dataclass(frozen=True)
class LetterFiles:
    """The dead letters of one attempt, in files.

    Attributes:
        path: folder or URI that they are below.
        folder: name of their folder there, of this attempt alone.
    """

    path: str
    folder: str

    def write(self, stage: str, letters: Iterable[Letter]) -> str:
        """Write the letters of a stage to a new file, and return its name."""
        files, root = self._place()
        name = f"{stage}-{uuid4().hex}.jsonl"
        files.create_dir(root, recursive=True)
        with files.open_output_stream(f"{root}/{name}") as stream:
            text = "".join(f"{line(letter)}\n" for letter in letters)
            stream.write(text.encode(errors="backslashreplace"))
        return name

    def sweep(self, claimed: Collection[str]) -> None:
        """Remove the files of tasks whose work was lost."""
        files, root = self._place()
        for info in files.get_file_info(FileSelector(root, allow_not_found=True)):
            if info.base_name not in claimed:
                with suppress(OSError):
                    files.delete_file(info.path)

    def _place(self) -> tuple[Any, str]:
        files, root = filesystem_of(self.path)
        return files, f"{root.rstrip('/')}/{self.folder}"


def letter(failure: Failure, rows: Iterable[Any], call: object) -> Letter:
    """The rows that a call was given, and what it raised.

    ``call`` is what tells it from all others, and stays the same when Ray runs its task again.
    """
    return {
        "id": hashlib.sha256(repr(call).encode()).hexdigest()[:32],
        "stage": failure.stage,
        "exception": failure.exception,
        "message": failure.message,
        "traceback": failure.tail,
        "rows": [*rows],
    }


def line(letter: Letter) -> str:
    """A letter as JSON."""
    return json.dumps(_plain(letter), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """What JSON has no form for: arrays as lists, bytes as base64, dates in ISO 8601, else text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if isfinite(value) else None
        case bytes():
            return b64encode(value).decode()
        case Mapping():
            return {str(key): _plain(it) for key, it in value.items()}
        case list() | tuple():
            return [*map(_plain, value)]
    for method in ("tolist", "isoformat"):
        if callable(convert := getattr(value, method, None)):
            return _plain(convert())
    return str(value)
