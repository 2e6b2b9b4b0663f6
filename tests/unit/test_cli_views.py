"""A run that is watched: lines where there is no terminal, a table where there is one."""

import io
from typing import Any

from rich.console import Console

from pipelinerun.api.status import StageStatus
from pipelinerun.cli.cluster.bars import shares
from pipelinerun.cli.cluster.views import Lines, Table

STARTED = "2026-01-02T03:04:05Z"


def run(phase: str, message: str, *stages: dict[str, Any], **status: Any) -> dict[str, Any]:
    condition = {
        "type": "Succeeded",
        "status": "Unknown",
        "reason": "Because",
        "message": message,
        "lastTransitionTime": STARTED,
    }
    fields = {"phase": phase, "conditions": [condition], "stages": [*stages], **status}
    return {"metadata": {"name": "text", "namespace": "default"}, "status": fields}


def stage(name: str, state: str, rows_in: int = 0, rows_out: int = 0) -> dict[str, Any]:
    return {"name": name, "state": state, "rowsIn": rows_in, "rowsOut": rows_out}


def test_elsewhere_there_is_a_line_for_each_change() -> None:
    file = io.StringIO()
    lines = Lines(Console(file=file))
    waiting = run("Pending", "Waiting for\n a place")
    read = stage("read", "Running", 0, 5)
    running = run("Running", "Attempt 1 is running", read, attempt=1)
    done = stage("read", "Succeeded", 0, 9)
    last = {"state": "Succeeded", "startTime": STARTED, "stages": [{"name": "last"}]}
    last["stages"] = [{"name": "tidy", "state": "Succeeded", "seconds": 1.5}]
    for body in (
        *(waiting, waiting, running, running),
        run("Succeeded", "Done", done, attempt=1, exitCode=0, **{"finally": last}),
    ):
        lines.update(body)
    assert file.getvalue().splitlines() == [
        "Pending: Waiting for a place",
        "Running: Attempt 1 is running",
        "read: Running, 0 rows in, 5 rows out, 0.0 s",
        "read: Succeeded, 0 rows in, 9 rows out, 0.0 s",
        "tidy: Succeeded, 1.5 s",
    ]


def test_another_attempt_begins_anew() -> None:
    file = io.StringIO()
    lines = Lines(Console(file=file))
    for attempt in (1, 2):
        lines.update(run("Running", "It runs", stage("read", "Running"), attempt=attempt))
    assert [it[:13] for it in file.getvalue().splitlines()] == [
        *("Running: It r", "read: Running", "read: Running"),
    ]


def test_a_terminal_of_80_columns_has_room_for_the_widest_table() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, color_system=None)
    table = Table(console)
    rows = 12_345_678_901
    names = ("a-stage-with-a-long-name-that-goes-on", "short")
    table.update(run("Running", "x" * 100, *(stage(it, "Succeeded", rows, rows) for it in names)))
    with console.capture() as captured:
        console.print(table.renderable())
    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert any("12,345,678,901" in line for line in lines)
    assert any("short" in line for line in lines)


def test_a_bar_shows_how_much_a_stage_has_taken_of_what_the_one_before_has_given() -> None:
    stages = [
        StageStatus(name="read", state="Running", rows_out=100),
        StageStatus(name="half", state="Running", rows_in=50, rows_out=10),
        StageStatus(name="all", state="Running", rows_in=10),
        StageStatus(name="none", state="Pending"),
    ]
    assert shares(stages) == {"read": 0.0, "half": 0.5, "all": 0.95, "none": 0.0}
    done = [it.model_copy(update={"state": "Succeeded"}) for it in stages]
    assert {*shares(done).values()} == {1.0}
