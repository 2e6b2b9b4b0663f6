"""Writing the report of an attempt to where its definition says."""

import logging
import os
import re
from datetime import datetime
from pathlib import Path

from pipelinerun.api.job import PipelineJob
from pipelinerun.api.report import report_of
from pipelinerun.api.status import Outcome

_URI = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)

logger = logging.getLogger(__name__)


def write_report(job: PipelineJob, outcome: Outcome, *, started: datetime, ended: datetime) -> None:
    """Write the report of an attempt that has ended, if its definition asks for one.

    Where that fails it is logged: how the attempt ended stays as it is.
    """
    place = job.definition.report
    if place is None or job.verdict is not None:
        return
    try:
        report = report_of(job, outcome, started=started, ended=ended)
        text = report.model_dump_json(by_alias=True, exclude_none=True, indent=2)
        _write(place, f"{text}\n".encode())
    except Exception as error:  # noqa: BLE001 - a filesystem may raise anything
        logger.error("The report could not be written to %s: %s", place, error)  # noqa: TRY400 - no traceback


def _write(place: str, data: bytes) -> None:
    if not _URI.match(place):
        _write_file(Path(place), data)
        return
    from pyarrow.fs import FileSystem  # noqa: PLC0415 - takes long to load

    filesystem, path = FileSystem.from_uri(place)
    filesystem.create_dir(path.rpartition("/")[0], recursive=True)
    with filesystem.open_output_stream(path) as stream:
        stream.write(data)


def _write_file(path: Path, data: bytes) -> None:
    """Write a file as a whole: nobody reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    partial.replace(path)
