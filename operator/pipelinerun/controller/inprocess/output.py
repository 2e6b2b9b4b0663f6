"""What in-process runs print, in the gateway's log, each line with the attempt that it is of."""

import codecs
import json
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from pipelinerun.controller.inprocess.lines import LOGGER, as_console, as_json, lines_of
from pipelinerun.controller.inprocess.protocol import AttemptKey
from pipelinerun.controller.log import LogFormat, time_of
from pipelinerun.controller.subject import Subject
from pipelinerun.engine.log_follower import LogFollower, logs_of_workers, pieces
from pipelinerun.engine.printing import STDERR, end_in, files_in, folder_of, stage_of

LINGER = 30.0
"""Seconds for which an attempt that has ended is listened to: its stages may not be gone yet."""
_LOG_OF_PROCESS = re.compile(r"worker-.*-(\d+)\.(?:out|err)")


class Output:
    """Writes what attempts print to the standard output, from their files.

    What no attempt has printed, such as Ray's own messages, goes out as it is.
    """

    def __init__(self, folder: Path, logs_of_ray: Path, log_format: LogFormat) -> None:
        """Prepare it.

        Args:
            folder: of the folders of attempts.
            logs_of_ray: folder with the logs of Ray's processes.
            log_format: of what is written.
        """
        self._folder, self._logs_of_ray, self._format = folder, logs_of_ray, log_format
        self._subjects: dict[str, Subject] = {}
        self._listened: set[str] = set()
        self._ended: dict[str, float] = {}
        self._decoders: dict[Path, codecs.IncrementalDecoder] = {}
        self._tidying = threading.Lock()
        self._follower = LogFollower(self._files, self._pass_on, frees=True)
        folder.mkdir()

    def start(self) -> None:
        """Write from now on."""
        self._follower.start()

    def finish(self) -> None:
        """Write what is left, and end."""
        self._follower.finish()

    def open(self, key: AttemptKey) -> None:
        """Listen to an attempt, before it starts; forget those that have ended long ago."""
        with self._tidying:
            self._tidy_up()
            name = folder_of(key.uid, key.number)
            self._folder.joinpath(name).mkdir(exist_ok=True)
            self._subjects[name] = subject_of(key)
            self._listened.add(name)

    def complete(self, key: AttemptKey) -> None:
        """Write all that an attempt has printed, for it has ended."""
        name = folder_of(key.uid, key.number)
        self._follower.catch_up()
        self._follower.let_go(files_in(self._folder / name))
        self._ended[name] = time.monotonic()

    def tail(self, key: AttemptKey, stage: str | None) -> str | None:
        """The end of what a stage of an attempt has printed last; of any stage without one."""
        return end_in(self._folder / folder_of(key.uid, key.number), stage)

    def keep(self, keys: Collection[AttemptKey]) -> None:
        """All other attempts have ended."""
        kept = {folder_of(key.uid, key.number) for key in keys}
        for name in self._listened - kept:
            self._ended.setdefault(name, time.monotonic())

    def _tidy_up(self) -> None:
        now = time.monotonic()
        for name in [it for it, ended in self._ended.items() if now - ended > LINGER]:
            folder = self._folder / name
            files = [*folder.glob("*")]
            self._listened.discard(name)
            self._follower.close(files)
            shutil.rmtree(folder, ignore_errors=True)
            for file in files:
                self._decoders.pop(file, None)
            self._subjects.pop(name, None)
            del self._ended[name]
        for log in logs_of_workers(self._logs_of_ray):
            if not _is_written_to(log):
                self._follower.close([log])
                log.unlink(missing_ok=True)

    def _files(self) -> Iterator[Path]:
        for name in [*self._listened]:
            yield from files_in(self._folder / name)
        yield from logs_of_workers(self._logs_of_ray)

    def _pass_on(self, text: bytes, file: Path) -> None:
        with suppress(OSError, ValueError):  # nobody reads it any more: that must not end a run
            for piece in pieces(self._formatted(text, file)):
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()

    def _formatted(self, text: bytes, file: Path) -> bytes:
        subject = self._subjects.get(file.parent.name)
        if subject is None:
            return self._of_nobody(text)
        stage, suffix = stage_of(file)
        stream = "stderr" if suffix == STDERR else "stdout"
        # A long line may be cut within a character.
        decoder = self._decoders.setdefault(file, _decoder("replace"))
        lines = lines_of(decoder.decode(text), subject, stage, stream)
        if self._format == "console":
            return b"".join(b"%s\n" % as_console(it).encode() for it in lines)
        now = time_of(time.time())
        return b"".join(b"%s\n" % as_json(it, now).encode() for it in lines)

    def _of_nobody(self, text: bytes) -> bytes:
        if self._format == "console":
            return text
        fields = {"time": time_of(time.time()), "logger": LOGGER}
        said = (fields | {"message": it} for it in text.decode(errors="replace").splitlines())
        return b"".join(b"%s\n" % json.dumps(it).encode() for it in said)


_decoder = codecs.getincrementaldecoder("utf-8")


def subject_of(key: AttemptKey) -> Subject:
    """An attempt as logs name it."""
    return Subject(key.name, key.namespace, key.uid, key.number)


def _is_written_to(log: Path) -> bool:
    found = _LOG_OF_PROCESS.fullmatch(log.name)
    try:
        os.kill(int(found[1]) if found else 0, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
