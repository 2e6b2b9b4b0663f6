"""What lists and descriptions of runs look like."""

import io

import pytest
from rich.console import Console, RenderableType

from pipelinerun.cli.cluster.advice import Step
from pipelinerun.cli.cluster.description import description, why
from pipelinerun.cli.cluster.reading import status_of
from pipelinerun.cli.cluster.table import run_table
from tests.support.described import NOW, run_with

LONG = "x" * 63
MESSAGE = "Stage split: ValueError: " + "no such word in the list " * 8
FAILED = run_with(
    "Failed",
    reason="PipelineFailed",
    message=MESSAGE,
    metadata={"labels": {"pipelinerun.dev/retry-of": "older"}},
    spec={"resumeFrom": "split"},
    status={
        "exitCode": 1,
        "elapsedSeconds": 12.98,
        "startTime": "2026-01-01T11:00:05Z",
        "completionTime": "2026-01-01T11:55:00Z",
        "progress": "0/2",
        "attempt": 2,
        "worker": {"pod": f"text-{LONG}", "node": "node-1"},
        "stages": [{"name": LONG, "state": "Failed", "rowsIn": 10**9, "rowsOut": 10**9}],
        "attempts": [
            {
                "number": 1,
                "reason": "AttemptDeadlineExceeded",
                "exitCode": 124,
                "elapsedSeconds": 100.0,
                "startTime": "2026-01-01T11:00:05Z",
                "completionTime": "2026-01-01T11:02:05Z",
                "worker": {"pod": f"text-{LONG}", "node": "node-1"},
            },
            {"number": 2, "startTime": "2026-01-01T11:54:00Z"},
        ],
        "failure": {
            "class": "User",
            "stage": "split",
            "exception": "ValueError",
            "message": "no\x1b[2J such word",
            "tail": "Traceback\n  line",
        },
        "finally": {
            "state": "Failed",
            "startTime": "2026-01-01T11:54:30Z",
            "stages": [{"name": "tell", "state": "Failed"}],
            "failure": {"class": "User", "message": "nobody to tell"},
        },
    },
)
EVENTS = [
    {
        "type": "Warning" if number == 11 else "Normal",
        "reason": f"Reason{number}",
        "message": MESSAGE,
        "lastTimestamp": f"2026-01-01T11:{number:02}:00Z",
    }
    for number in range(12)
]
STEPS = [Step("Mend it", "pipelinerun run FILE"), Step("Or wait")]


def shown(renderable: RenderableType, width: int = 80) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width).print(renderable)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def described(width: int = 80) -> list[str]:
    return shown(description(FAILED, status_of(FAILED), EVENTS, STEPS, NOW), width)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("namespaces", [False, True])
def test_a_list_fits_80_columns_and_a_run_takes_one_line(wide: bool, namespaces: bool) -> None:
    long = run_with("Failed", reason="r" * 40, message=MESSAGE, metadata={"name": LONG})
    long["metadata"]["namespace"] = LONG
    lines = shown(run_table([long, FAILED], NOW, wide=wide, namespaces=namespaces))
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    if not wide:
        assert "Failed     1    13.0s     0/2   1h" in lines[2]


def test_a_list_says_why_where_the_phase_does_not() -> None:
    runs = [
        run_with("Succeeded", reason="Completed"),
        run_with("Pending", reason="WaitingForPlace"),
        run_with(None),
    ]
    assert [line.split()[1:] for line in shown(run_table(runs, NOW))[1:]] == [
        ["Succeeded", "1h"],
        ["Pending", "1h", "WaitingForPlace"],
        ["Pending", "1h"],
    ]


def test_a_wide_list_has_the_whole_message_where_there_is_room() -> None:
    _, row = shown(run_table([FAILED], NOW, wide=True), 1000)
    assert row.endswith(MESSAGE.strip())
    assert "Subprocess" in row


def test_a_description_fits_80_columns_and_has_no_control_characters() -> None:
    lines = described()
    assert max(map(len, lines)) <= 80
    assert all(line.isprintable() for line in lines)


def test_a_description_tells_everything_in_order() -> None:
    lines = described(1000)
    titles = [line for line in lines if line and not line.startswith(" ")][13:]
    assert titles == [
        *("Stages", "Finally stages", "Why the finally stages failed", "Attempts"),
        *("Why it failed", "Conditions", "Last events", "What to do next"),
    ]
    heads = dict(line.split(maxsplit=1) for line in lines[:4])
    assert heads["Phase"] == "Failed"
    assert heads["Because"] == MESSAGE.strip()
    text = "\n".join(lines)
    for part in (
        "Finished   2026-01-01 11:55:00 UTC, 5m ago",
        "Starts at  stage split",
        "Retry of   older",
        "Message    no such word",
        "Succeeded=False   5m  it ended without success (PipelineFailed)",
        "  - Mend it:\n      pipelinerun run FILE\n  - Or wait.",
    ):
        assert part in text
    first, second = (line.split() for line in lines if line.lstrip()[:2] in {"1 ", "2 "})
    assert first[:7] == ["1", "AttemptDeadlineExceeded", "124", "1m40s", "59m", "ago", "2m"]
    assert second == ["2", "6m", "ago"]


def test_only_the_last_events_are_told() -> None:
    found = [line.split()[2] for line in described(1000) if "  Reason" in line]
    assert found == [f"Reason{number}" for number in range(2, 12)]


def test_a_run_that_nobody_has_looked_at_has_a_short_description() -> None:
    run = run_with(None)
    assert shown(description(run, status_of(run), [], [], NOW)) == [
        "Name       text",
        "Namespace  team",
        "Phase      Pending",
        "Mode       Subprocess",
        "Created    2026-01-01 11:00:00 UTC, 1h ago",
    ]


def test_why_it_failed_is_followed_by_what_to_do() -> None:
    lines = shown(why(status_of(FAILED), STEPS))
    assert (lines[0], lines[1]) == ("Why it failed", "  Class      User")
    assert lines[-4:] == [
        "What to do next",
        "  - Mend it:",
        "      pipelinerun run FILE",
        "  - Or wait.",
    ]
    assert shown(why(status_of(run_with("Failed")), [])) == []
