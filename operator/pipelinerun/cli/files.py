"""Reading manifests named on the command line."""

import os
import sys
from pathlib import Path

from pipelinerun.api.load import load_manifests
from pipelinerun.api.run import PipelineRun
from pipelinerun.api.violations import InvalidDefinitionError, Violation

STDIN = "-"


def read_manifests(path: str) -> list[PipelineRun]:
    """All PipelineRuns of a file, or of the standard input for ``-``.

    Raises:
        InvalidDefinitionError: the file cannot be read, or is not what it should be.
    """
    try:
        text = sys.stdin.read() if path == STDIN else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidDefinitionError([Violation("", f"cannot be read: {reason}")]) from None
    return load_manifests(text, os.environ)
