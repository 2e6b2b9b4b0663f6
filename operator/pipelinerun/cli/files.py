"""Reading manifests named on the command line."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from pipelinerun.api.load import Loaded, load
from pipelinerun.api.nv_ingest import Note
from pipelinerun.api.run import PipelineRun
from pipelinerun.api.violations import InvalidDefinitionError, Violation

STDIN = "-"


def read_manifests(path: str) -> list[PipelineRun]:
    """All PipelineRuns of a file, or of the standard input for ``-``.

    What was changed or left out of a pipeline file on the way is told on the standard error.

    Raises:
        InvalidDefinitionError: the file cannot be read, or is not what it should be.
    """
    loaded = load_file(path)
    tell_notes(path, loaded.notes)
    return loaded.runs


def load_file(path: str) -> Loaded:
    """The same with all that is to be told about it, and nothing told yet."""
    try:
        text = sys.stdin.read() if path == STDIN else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidDefinitionError([Violation("", f"cannot be read: {reason}")]) from None
    return load(text, os.environ)


def tell_notes(path: str, notes: Sequence[Note]) -> None:
    """Warn of what was changed or left out, each thing once."""
    places: dict[str, list[str]] = {}
    for note in notes:
        places.setdefault(note.message, []).append(note.path)
    for message, paths in places.items():
        more = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
        warn(f"{path}: {paths[0]}{more} {message}")


def warn(text: str) -> None:
    """Warn on the standard error."""
    typer.secho("warning: ", err=True, nl=False, fg="yellow")
    typer.echo(text, err=True)
