"""Progress where there is no terminal, and output above what is shown live."""

import io

import pytest
from rich.console import Console

from pipelinerun.api.status import StageState, StageStatus
from pipelinerun.cli import progress
from pipelinerun.cli.output import AboveLive
from pipelinerun.cli.progress import LineReporter, reporter_for


def stages(*states: StageState) -> list[StageStatus]:
    return [StageStatus(name=f"s{index}", state=state) for index, state in enumerate(states)]


def lines_after(*updates: list[StageStatus]) -> list[str]:
    file = io.StringIO()
    with LineReporter(Console(file=file)) as reporter:
        for update in updates:
            reporter.update(update)
    return [line.partition(",")[0] for line in file.getvalue().splitlines()]


def test_a_line_is_written_when_a_stage_changes_its_state() -> None:
    assert lines_after(
        stages("Pending", "Pending"),
        stages("Running", "Pending"),
        stages("Running", "Pending"),
        stages("Succeeded", "Failed"),
        stages("Succeeded", "Failed"),
    ) == ["Starting Ray", "s0: Running", "s0: Succeeded", "s1: Failed"]


def test_a_stage_that_runs_is_told_again_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_INTERVAL", 0.0)
    updates = [stages("Running"), stages("Running"), stages("Succeeded"), stages("Succeeded")]
    assert lines_after(*updates) == [
        "Starting Ray",
        "s0: Running",
        "s0: Running",
        "s0: Succeeded",
    ]


@pytest.mark.parametrize("forced", ["FORCE_COLOR", "TTY_INTERACTIVE"])
def test_no_setting_makes_a_terminal_of_a_file(
    forced: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(forced, "1")
    assert isinstance(reporter_for(Console(file=io.StringIO())), LineReporter)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (["one\n", "two\n"], "one\ntwo\n"),
        (["o", "ne\ntw", "o\n"], "one\ntwo\n"),
        (["one"], "one\n"),
        (["\n", "one\n\n"], "\none\n\n"),
        (["[red]not markup[/]\n"], "[red]not markup[/]\n"),
        (["10 %\r20 %\r", "30 %\n"], "30 %\n"),
        ([f"{'x' * 200}\n"], f"{'x' * 200}\n"),
        (["x" * 100_000, "y\n"], f"{'x' * 100_000}\ny\n"),
        (["\x1b[2Jcleared\x1b[H\n"], "cleared\n"),
        ([], ""),
    ],
    ids=[
        "lines",
        "cut anywhere",
        "without an end",
        "empty lines",
        "brackets",
        "progress bars",
        "wider than the terminal",
        "without end in sight",
        "control sequences",
        "nothing",
    ],
)
def test_lines_appear_whole_above_what_is_live(written: list[str], shown: str) -> None:
    file = io.StringIO()
    stream = AboveLive(Console(file=file, width=80))
    for text in written:
        assert stream.write(text) == len(text)
    stream.flush()
    assert file.getvalue() == shown
