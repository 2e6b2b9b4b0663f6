"""A checkpoint: all rows that a stage put out, kept as Parquet.

Below its path each writer has a folder of its own, so that the rows of two never mix. A marker
names the folder that is complete, with all its files; it is written when they are there, and takes
the place of the one before as a whole.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pyarrow.dataset as pads
import ray.data
from pyarrow.fs import FileInfo, FileSelector, FileType
from pydantic import Field, ValidationError
from ray.data import DataContext, Dataset

from pipelinerun.api.job import RunIdentity
from pipelinerun.api.model import ApiModel
from pipelinerun.engine.filesystems import filesystem_of

_MARKER = "_checkpoint.json"
_OURS = re.compile(rf"({re.escape(_MARKER)}\.)?rows-[0-9a-f]{{32}}")
_FILE_BYTES = 32 * 1024**2
"""Bytes in memory of the rows of a file, where other tasks write than put them out."""


class NoCheckpointError(Exception):
    """There is no complete checkpoint of this definition."""


class Marker(ApiModel):
    """What is known of a complete checkpoint.

    Attributes:
        digest: of what its rows depend on.
        stage: that put them out.
        run: that wrote it.
        time: when it was complete.
        rows: how many there are.
        folder: where they are.
        files: their sizes by name.
    """

    digest: str
    stage: str
    run: RunIdentity
    time: str
    rows: int
    folder: str
    files: Mapping[str, int] = Field(default_factory=dict)


class Checkpoint:
    """The checkpoint of a stage.

    ``NoCheckpointError`` is raised where one has to be there; errors of the storage pass through.
    """

    def __init__(self, path: str, *, stage: str, digest: str, options: Mapping[str, Any]) -> None:
        """Prepare a checkpoint.

        Args:
            path: folder or URI that it is below.
            stage: that puts the rows out.
            digest: of what they depend on.
            options: of Ray for the tasks that write and read.
        """
        self.path, self._stage, self._digest = path, stage, digest
        self._options = dict(options)
        self._files, root = filesystem_of(path)
        self._root = root.rstrip("/")

    def complete(self) -> Marker:
        """The marker of a checkpoint that is whole, and of this definition.

        Raises:
            NoCheckpointError: there is none.
        """
        marker = self._marker()
        if marker is None:
            begun = any(True for _ in self._entries())
            what = "is not complete" if begun else "is not there"
            raise NoCheckpointError(f"checkpoint {self.path} {what}")
        if (marker.stage, marker.digest) != (self._stage, self._digest):
            by = f"run {marker.run.namespace}/{marker.run.name}"
            raise NoCheckpointError(
                f"checkpoint {self.path} is of another definition: {by} wrote it at {marker.time},"
                f" with other stages, config or code up to {marker.stage!r}"
            )
        if self._sizes(marker.folder) != marker.files:
            raise NoCheckpointError(f"checkpoint {self.path} is damaged: files of it have changed")
        return marker

    def write(self, dataset: Dataset, *, one_task: bool) -> "Written":
        """Run a dataset to its end and keep its rows. What others left unfinished is removed.

        ``one_task``: one task puts out all rows. A task that writes what it puts out holds it in
        memory, so that others have to write then.
        """
        marker = self._marker()
        self._sweep(keep=marker.folder if marker else None)
        folder = f"rows-{uuid4().hex}"
        dataset.write_parquet(
            f"{self._root}/{folder}",
            filesystem=self._files,
            ray_remote_args=self._options or None,
            min_bytes_per_file=_FILE_BYTES if one_task else None,
        )
        return Written(folder, self._sizes(folder))

    def commit(self, written: "Written", *, rows: int, run: RunIdentity) -> Marker:
        """Declare that what was written is complete; it takes the place of what was there before.

        Raises:
            RuntimeError: some of the ``rows`` are not in the files.
        """
        found = self._count(written)
        if found != rows:
            raise RuntimeError(
                f"checkpoint {self.path} has {found} of {rows} rows;"
                " does another run write to it at the same time?"
            )
        marker = Marker(
            digest=self._digest,
            stage=self._stage,
            run=run.model_copy(update={"params": {}}),
            time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            rows=rows,
            folder=written.folder,
            files=written.files,
        )
        draft = f"{self._root}/{_MARKER}.{written.folder}"
        with self._files.open_output_stream(draft) as stream:
            stream.write(marker.model_dump_json(by_alias=True).encode())
        self._files.move(draft, f"{self._root}/{_MARKER}")
        self._sweep(keep=written.folder)
        return marker

    def rows(self, kept: "Written | Marker") -> Dataset:
        """The rows that were written."""
        if not kept.files:
            return ray.data.from_items([])
        with _block_by_block():
            return ray.data.read_parquet(
                self._paths(kept), filesystem=self._files, ray_remote_args=self._options or None
            )

    def _marker(self) -> Marker | None:
        try:
            with self._files.open_input_stream(f"{self._root}/{_MARKER}") as stream:
                return Marker.model_validate_json(stream.read(), extra="ignore")
        except (FileNotFoundError, ValidationError):
            return None

    def _count(self, written: "Written") -> int:
        if not written.files:
            return 0
        paths = self._paths(written)
        return int(pads.dataset(paths, filesystem=self._files, format="parquet").count_rows())

    def _paths(self, kept: "Written | Marker") -> list[str]:
        return [f"{self._root}/{kept.folder}/{name}" for name in sorted(kept.files)]

    def _sizes(self, folder: str) -> dict[str, int]:
        selector = FileSelector(f"{self._root}/{folder}", allow_not_found=True)
        infos = self._files.get_file_info(selector)
        return {info.base_name: info.size for info in infos if info.type == FileType.File}

    def _entries(self) -> Iterator[FileInfo]:
        """What writers have put below the path; whatever else is there is not ours."""
        for info in self._files.get_file_info(FileSelector(self._root, allow_not_found=True)):
            if _OURS.fullmatch(info.base_name):
                yield info

    def _sweep(self, keep: str | None) -> None:
        for info in self._entries():
            if info.base_name == keep:
                continue
            remove = self._files.delete_dir
            if info.type == FileType.File:
                remove = self._files.delete_file
            with suppress(OSError):  # who is to end may still write there: it is removed later
                remove(info.path)


@dataclass(frozen=True)
class Written:
    """Rows that were written, and are not declared complete.

    Attributes:
        folder: where they are.
        files: their sizes by name.
    """

    folder: str
    files: Mapping[str, int]


@contextmanager
def _block_by_block() -> Iterator[None]:
    """Read each file as it was written.

    Ray's newer reader gives all files one schema, which stages that ran on without a checkpoint
    would not see; it also takes seconds to start.
    """
    context = DataContext.get_current()
    before = context.use_datasource_v2
    context.use_datasource_v2 = False
    try:
        yield
    finally:
        context.use_datasource_v2 = before
