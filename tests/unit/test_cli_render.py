"""What the command line shows of statuses, stages and violations."""

import io

import pytest
from rich.console import Console, RenderableType

from pipelinerun.api.status import Failure, PipelineRunStatus, StageStatus
from pipelinerun.api.violations import Violation
from pipelinerun.cli.render import stage_line, stage_table, summary, verdict

READ = StageStatus(name="read", state="Succeeded", rows_out=1200, seconds=3.21)
CLEAN = StageStatus(name="clean", state="Running", rows_in=1200, rows_out=1000, seconds=0.5)
WRITE = StageStatus(name="write")


def shown(renderable: RenderableType) -> list[str]:
    """Lines as printed to a terminal of 80 columns, without spaces at their ends."""
    file = io.StringIO()
    Console(file=file, width=80).print(renderable, soft_wrap=True)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_stage_that_waits_has_no_numbers_yet() -> None:
    header, _, *rows = shown(stage_table([READ, CLEAN, WRITE]))
    assert header.split() == ["STAGE", "STATE", "ROWS", "IN", "ROWS", "OUT", "SECONDS"]
    assert [row.split() for row in rows] == [
        ["read", "Succeeded", "0", "1,200", "3.2"],
        ["clean", "Running", "1,200", "1,000", "0.5"],
        ["write", "Pending"],
    ]


def test_rates_are_shown_where_there_are_any() -> None:
    header, _, *rows = shown(stage_table([READ, CLEAN], {"clean": 1234.5}))
    assert header.endswith("ROWS/S")
    assert [row.split()[-1] for row in rows] == ["3.2", "1,234"]


@pytest.mark.parametrize("rates", [None, {"x" * 63: 1e6}])
def test_a_table_of_a_long_name_and_large_numbers_fits_80_columns(
    rates: dict[str, float] | None,
) -> None:
    stage = StageStatus(
        name="x" * 63, state="Succeeded", rows_in=10**9, rows_out=10**9, seconds=123456.7
    )
    *_, row = lines = shown(stage_table([stage], rates))
    assert max(map(len, lines)) <= 80
    for whole in ("Succeeded", "1,000,000,000   1,000,000,000", "123,456.7"):
        assert whole in row


def test_a_line_tells_one_stage() -> None:
    assert stage_line(CLEAN) == "clean: Running, 1200 rows in, 1000 rows out, 0.5 s"


def test_errors_are_shown_where_a_stage_has_passed_over_some() -> None:
    clean = CLEAN.model_copy(update={"errors": 3})
    header, _, *rows = shown(stage_table([READ, clean, WRITE]))
    assert header.split()[-2:] == ["ERRORS", "SECONDS"]
    assert [row.split()[-2:] for row in rows[:2]] == [["0", "3.2"], ["3", "0.5"]]
    assert stage_line(clean) == "clean: Running, 1200 rows in, 1000 rows out, 3 errors, 0.5 s"


def test_the_error_that_failed_a_stage_is_told_by_its_state() -> None:
    failed = CLEAN.model_copy(update={"errors": 1, "state": "Failed"})
    assert "ERRORS" not in shown(stage_table([failed]))[0]


def test_the_summary_of_a_success_ends_with_code_and_time() -> None:
    status = PipelineRunStatus(
        phase="Succeeded", exit_code=0, elapsed_seconds=12.345, stages=[READ]
    )
    assert shown(summary(status))[-1] == "Succeeded   exit code 0   12.3 s"


def test_the_summary_of_a_failure_tells_where_and_why_and_cuts_nothing() -> None:
    failure = Failure(
        class_="User",
        stage="clean",
        exception="ValueError",
        message=f"[bold]not markup[/] {'m' * 100}\nsecond line",
        tail=f"Traceback …\n{'t' * 100}\n",
    )
    status = PipelineRunStatus(phase="Failed", exit_code=1, stages=[READ], failure=failure)
    lines = shown(summary(status))
    assert lines[lines.index("Failed   exit code 1   0.0 s") + 1 :] == [
        "Class      User",
        "Stage      clean",
        "Exception  ValueError",
        f"Message    [bold]not markup[/] {'m' * 100}",
        "           second line",
        "",
        "Traceback …",
        "t" * 100,
    ]


def test_what_is_not_known_of_a_failure_is_left_out() -> None:
    failure = Failure(class_="Cancelled", message="stopped")
    status = PipelineRunStatus(phase="Failed", exit_code=143, failure=failure)
    assert shown(summary(status))[-2:] == ["Class      Cancelled", "Message    stopped"]


@pytest.mark.parametrize(
    ("violations", "lines"),
    [
        ([], ["✓ run[1].yaml: valid"]),
        (
            [Violation("spec.mode", f"is [red] {'x' * 100}")],
            ["✗ run[1].yaml: 1 violation", f"  spec.mode: is [red] {'x' * 100}"],
        ),
        (
            [Violation("", "not YAML:\nline 2"), Violation("spec", "is required")],
            ["✗ run[1].yaml: 2 violations", "  not YAML:", "  line 2", "  spec: is required"],
        ),
    ],
)
def test_a_verdict_lists_every_violation_on_its_own_line(
    violations: list[Violation], lines: list[str]
) -> None:
    assert shown(verdict("run[1].yaml", violations)) == lines
