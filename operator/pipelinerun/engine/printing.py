"""What the processes of a run print: in whole lines, and apart from what others print.

Where somebody passes it on, each process writes what a stage prints to a file whose folder names an
attempt and whose name the stage. Descriptors 1 and 2 themselves lead there while the stage's code
runs, so that libraries in C and child processes are no exception, and the text stays as it is.
"""

import ctypes
import io
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pipelinerun.engine.log_follower import BYTES_OF_TAIL, end_of

if TYPE_CHECKING:  # a worker starts its child before it loads more
    from pipelinerun.api.job import RunIdentity

FOLDER = "PIPELINERUN_OUTPUT"
"""Environment variable: where the folders of attempts are. Without it nothing is told apart."""
STDOUT, STDERR = "out", "err"

_DESCRIPTORS = {1: STDOUT, 2: STDERR}
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


def print_whole_lines() -> None:
    """Let this process write a line at once.

    Ray's processes write what ``print`` is given and the end of the line one after the other, and
    who follows the log would take what is there in between for a line of its own.
    """
    sys.stdout, sys.stderr = _by_line(sys.stdout), _by_line(sys.stderr)


def flush() -> None:
    """Pass on the beginning of a line as well."""
    sys.stdout.flush()
    sys.stderr.flush()


def belongs_to(run: "RunIdentity", stage: str | None = None) -> None:
    """What this process prints from now on is an attempt's; its driver's without a stage."""
    _outlet.lead_to(folder_of(run.uid, run.attempt), stage)


@contextmanager
def of_stage(run: "RunIdentity", stage: str) -> Iterator[None]:
    """What a driver prints meanwhile is a stage's."""
    belongs_to(run, stage)
    try:
        yield
    finally:
        belongs_to(run)


def belongs_to_nobody() -> None:
    """What this process prints from now on is no attempt's."""
    _outlet.lead_home()


def folder_of(uid: str, attempt: int) -> str:
    """The name of the folder with what an attempt prints."""
    return f"{uid}.{attempt}"


def stage_of(file: Path) -> tuple[str | None, str]:
    """Stage and stream of a file in such a folder."""
    stage, _, _ = file.stem.rpartition("@")
    return stage or None, file.suffix.removeprefix(".")


def files_in(folder: Path) -> list[Path]:
    """The files of such a folder: first all of what goes to the standard output."""
    return sorted(folder.glob("*@*"), key=lambda it: (it.suffix, it.name), reverse=True)


def end_in(folder: Path, stage: str | None) -> str | None:
    """The end of what a stage has printed last into such a folder; of any stage without one."""
    files = [it for it in folder.glob("*@*") if stage in {None, stage_of(it)[0]}]
    for file in sorted(files, key=lambda it: it.stat().st_mtime, reverse=True):
        with file.open("rb") as opened:
            opened.seek(max(0, file.stat().st_size - BYTES_OF_TAIL))
            found = end_of(opened.read())
        if found is not None:
            return found
    return None


class Outlet:
    """Where this process's descriptors 1 and 2 lead."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        folder = environment.get(FOLDER)
        self._folder = Path(folder) if folder else None
        self._home: dict[int, int] = {}
        self._attempt: str | None = None
        self._open: dict[str | None, dict[int, int]] = {}
        self._now: tuple[str, str | None] | None = None

    def lead_to(self, attempt: str, stage: str | None) -> None:
        """Lead to an attempt's files."""
        if self._folder is None or self._now == (attempt, stage):
            return
        if attempt != self._attempt:
            self._close()
            self._attempt = attempt
        try:
            files = self._open.get(stage) or self._opened(self._folder / attempt, stage)
        except OSError:  # nobody follows that attempt any more
            self.lead_home()
            return
        self._switch(files)
        self._now = attempt, stage

    def lead_home(self) -> None:
        """Lead where they led at first."""
        if self._now is not None:
            self._switch(self._home)
            self._now = None

    def _opened(self, folder: Path, stage: str | None) -> dict[int, int]:
        self._home = self._home or {it: os.dup(it) for it in _DESCRIPTORS}
        name = f"{stage or ''}@{os.getpid()}"
        files = {it: os.open(folder / f"{name}.{to}", _APPEND) for it, to in _DESCRIPTORS.items()}
        self._open[stage] = files
        return files

    def _switch(self, files: Mapping[int, int]) -> None:
        _flush_all()
        for descriptor, file in files.items():
            os.dup2(file, descriptor)

    def _close(self) -> None:
        self.lead_home()
        for files in self._open.values():
            for file in files.values():
                os.close(file)
        self._open.clear()


def _flush_all() -> None:
    """Write what is on its way, in C as well, to where it was meant to go."""
    with suppress(OSError, ValueError):  # a stage may have closed them
        flush()
    ctypes.CDLL(None).fflush(None)


def _by_line(stream: TextIO) -> TextIO:
    if isinstance(stream, io.TextIOWrapper):
        return stream
    return os.fdopen(
        stream.fileno(), "w", buffering=1, encoding="utf-8", errors="replace", closefd=False
    )


_outlet = Outlet(os.environ)
