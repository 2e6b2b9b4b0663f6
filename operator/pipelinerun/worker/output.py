"""What stages print on its way to a worker's log, each line behind the stage that printed it."""

import codecs
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipelinerun.engine.environment import variables
from pipelinerun.engine.log_follower import LogFollower, pieces
from pipelinerun.engine.printing import FOLDER, STDERR, end_in, files_in, folder_of, stage_of
from pipelinerun.worker.marks import marked


class Output:
    """Passes on what the stages of one job print, until ``finish``."""

    def __init__(self, folder: Path) -> None:
        """Prepare it; ``folder`` is where the stages write to."""
        self._folder = folder
        self._decoders: dict[Path, codecs.IncrementalDecoder] = {}
        self._follower = LogFollower(lambda: files_in(folder), self._pass_on, frees=True)
        self._follower.start()

    def finish(self) -> None:
        """Pass on what is left."""
        self._follower.finish()

    def tail(self, stage: str | None) -> str | None:
        """The end of what a stage has printed last; of any stage without one."""
        return end_in(self._folder, stage)

    def _pass_on(self, text: bytes, file: Path) -> None:
        stage, stream = stage_of(file)
        target = sys.stderr if stream == STDERR else sys.stdout
        if stage is not None:
            # A long line may be cut within a character.
            decoder = self._decoders.setdefault(file, _decoder("replace"))
            text = marked(decoder.decode(text), stage).encode()
        with suppress(OSError, ValueError):  # nobody reads it any more: that must not end a run
            for piece in pieces(text):
                target.buffer.write(piece)
                target.buffer.flush()


@contextmanager
def marked_output(job: str) -> Iterator[Output]:
    """Mark what the stages of a job print that is started meanwhile. ``job`` is JSON."""
    run = json.loads(job).get("run", {})
    with tempfile.TemporaryDirectory(prefix="prun-output-") as place:
        folder = Path(place, folder_of(run.get("uid", "local"), run.get("attempt", 1)))
        folder.mkdir()
        output = Output(folder)
        try:
            with variables({FOLDER: place}):
                yield output
        finally:
            output.finish()


_decoder = codecs.getincrementaldecoder("utf-8")
