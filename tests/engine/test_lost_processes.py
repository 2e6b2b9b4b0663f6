"""Processes of a stream that die: every message arrives at least once, in this attempt or the next.

They are killed in the middle of a call. The sink says of each message that it is done.
"""

from pathlib import Path
from typing import Any

import pytest

from pipelinerun.api.status import Outcome
from tests.engine.pipeline import Pipeline, counts, failure_of, source

COUNT = 60
CODE = """
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

def messages(folder, dies):
    box, taken = Path(folder, "box"), Path(folder, "taken")
    for place in (taken, box):  # first those that were taken before and never done
        for path in sorted(place.iterdir()):
            yield {"id": int(path.name)}
            if place == box:
                with suppress(FileNotFoundError):
                    path.rename(taken / path.name)
            if path.name == dies:
                while not Path(folder, "kept").exists():
                    time.sleep(0.01)
                die_once(folder)

def die_once(folder):
    with suppress(FileExistsError):
        Path(folder, "died").touch(exist_ok=False)
        os.kill(os.getpid(), signal.SIGKILL)

def same(row):
    return row

def keep(row, folder, dies):
    name = str(row["id"])
    with Path(folder, "kept").open("a") as lines:
        lines.write(name + "\\n")
    if name == dies:
        die_once(folder)
    for place in ("box", "taken"):
        with suppress(FileNotFoundError):
            Path(folder, place, name).unlink()

class Keep:
    def __init__(self, **config):
        self.config = config

    def __call__(self, row):
        keep(row, **self.config)
"""


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder of messages, and of those that are taken."""
    for name in ("box", "taken"):
        (tmp_path / name).mkdir()
    for number in range(COUNT):
        (tmp_path / "box" / str(number)).touch()
    return tmp_path


def run(pipeline: Pipeline, folder: Path, sink: dict[str, Any], *, read: str, kept: str) -> Outcome:
    """``read`` and ``kept``: the message at which the source and the sink die."""
    config = {"folder": str(folder), "dies": kept}
    last = {"name": "keep", "type": "sink", "config": config, **sink}
    return pipeline([source("messages", folder=str(folder), dies=read), last], CODE)


def arrived(folder: Path) -> set[int]:
    return {int(line) for line in (folder / "kept").read_text().splitlines()}


@pytest.mark.parametrize(("read", "kept"), [("30", ""), ("", "30")], ids=["source", "sink"])
def test_a_stream_in_one_process_begins_anew_when_that_dies(
    pipeline: Pipeline, box: Path, read: str, kept: str
) -> None:
    outcome = run(pipeline, box, {"callable": "steps:keep"}, read=read, kept=kept)
    assert outcome.exit_code == 0, outcome.failure
    assert (box / "died").exists()
    assert arrived(box) == {*range(COUNT)}


def test_a_sink_of_a_stream_that_dies_is_given_its_messages_again(
    pipeline: Pipeline, box: Path
) -> None:
    outcome = run(pipeline, box, {"actor": "steps:Keep"}, read="", kept="30")
    assert outcome.exit_code == 0, outcome.failure
    assert (box / "died").exists()
    assert arrived(box) == {*range(COUNT)}
    assert counts(outcome) == [(0, COUNT), (COUNT, 0)]


def test_a_source_that_dies_when_messages_have_gone_on_ends_the_attempt_and_loses_none(
    pipeline: Pipeline, box: Path
) -> None:
    sink = {"actor": "steps:Keep"}
    outcome = run(pipeline, box, sink, read="30", kept="")
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_, failure.stage) == (137, "Infrastructure", "read")
    assert "died after rows of it had gone on" in failure.message
    outcome = run(pipeline, box, sink, read="", kept="")
    assert outcome.exit_code == 0, outcome.failure
    assert arrived(box) == {*range(COUNT)}
