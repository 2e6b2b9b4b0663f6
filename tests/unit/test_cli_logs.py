"""Which lines of which log are an attempt's, and that none is shown twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.cli.cluster.errors import ClusterError
from pipelinerun.cli.cluster.logs.cursor import Cursor, split
from pipelinerun.cli.cluster.logs.executions import chosen, next_of
from pipelinerun.cli.cluster.logs.said import OwnLog, Said, SharedLog
from pipelinerun.cli.cluster.logs.sources import gateway_in
from pipelinerun.controller.inprocess.lines import LONGEST, as_console, as_json, lines_of
from pipelinerun.controller.subject import Subject
from pipelinerun.worker.marks import marked

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TIME = "2026-01-02T03:04:05Z"


def run(*numbers: int, **status: Any) -> dict[str, Any]:
    attempts = [
        {"number": it, "startTime": TIME, "worker": {"pod": f"text-{it}"}} for it in numbers
    ]
    return {"metadata": {"name": "text"}, "status": {"attempts": attempts, **status}}


LAST = {"execution": 2, "startTime": TIME, "worker": {"pod": "text-last"}}


def test_the_last_attempt_counts_unless_another_one_is_named() -> None:
    assert chosen(run(4, 5), None, last=False).pod == "text-5"
    assert chosen(run(4, 5), 4, last=False).pod == "text-4"
    assert chosen(run(4, **{"finally": LAST}), None, last=True).number == -2


@pytest.mark.parametrize(
    ("body", "attempt", "last", "message"),
    [
        (run(phase="Pending"), None, False, "run 'text' has not started: it is Pending"),
        ({"metadata": {"name": "text"}}, 1, False, "has not started: it is Pending"),
        (run(4, 5), 1, False, "has no attempt 1; it has 4, 5"),
        (run(4), None, True, "the finally stages of run 'text' have not started"),
        (run(4, **{"finally": LAST | {"execution": 0}}), None, True, "have not started"),
    ],
)
def test_what_there_is_not_is_said(
    body: dict[str, Any], attempt: int | None, last: bool, message: str
) -> None:
    with pytest.raises(ClusterError, match=message):
        chosen(body, attempt, last=last)


def test_attempts_follow_each_other_and_the_finally_stages_them() -> None:
    body, seen, number = run(2, 3, **{"finally": LAST}), [], 0
    while (execution := next_of(body, number)) is not None:
        number = execution.number
        seen.append(number)
    assert seen == [2, 3, -2]
    assert next_of(run(), 0) is None


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3))),
    st.lists(st.integers(0, 50), max_size=5),
)
def test_requests_that_repeat_lines_show_each_line_once(
    steps: list[tuple[int, int]], cuts: list[int]
) -> None:
    times, now = [], START
    for step, older in steps:
        now += timedelta(milliseconds=300 * step)
        times.append(now - timedelta(milliseconds=300 * older))
    cursor, shown = Cursor(), []
    for end in [*sorted(cuts), len(times)]:
        since = cursor.since(START - timedelta(seconds=1))
        cursor.begin()
        said = [it for it in enumerate(times[:end]) if it[1] >= since]
        shown += [number for number, time in said if cursor.is_new(time)]
    assert shown == [*range(len(times))]


def test_a_cursor_forgets_what_is_not_asked_for_again() -> None:
    cursor = Cursor()
    cursor.begin()
    assert all(cursor.is_new(START + timedelta(milliseconds=it)) for it in range(10_000))
    assert len(cursor._read) <= 2000


def test_a_line_is_split_into_time_and_text() -> None:
    when, written, text = split("2026-01-02T04:04:05.123456789+01:00 a line")
    assert when == START + timedelta(microseconds=123456)
    assert (written, text) == ("2026-01-02T04:04:05.123456789+01:00", "a line")
    assert split("no time")[1:] == ("", "no time")


def log(json: bool) -> list[str]:
    mine, other = Subject("text", "default", "f3b1", 2), Subject("text", "default", "f3b1", 1)
    long = "x" * (LONGEST + 1)
    said = [
        *lines_of("loaded\n", mine, None, "stdout"),
        *lines_of(f"{long}\n", mine, "load", "stdout"),
        *lines_of("another attempt\n", other, "load", "stdout"),
        *lines_of("another stage\n", mine, "store", "stdout"),
    ]
    # Others may write between two parts of a line.
    said.insert(2, said.pop())
    return ["Ray is up", *(as_json(it, TIME) if json else as_console(it) for it in said)]


@pytest.mark.parametrize("json", [True, False])
def test_the_lines_of_an_attempt_are_picked_out_of_a_log(json: bool) -> None:
    for stage, expected in (
        (None, ["loaded", "another stage", "x" * (LONGEST + 1)]),
        ("store", ["another stage"]),
        ("nothing", []),
    ):
        selection = SharedLog("text", "default", "f3b1", 2, stage)
        found = [it for line in log(json) for it in selection.of(TIME, line)]
        assert found == [Said(TIME, text) for text in expected]


def test_a_last_line_without_its_end_comes_when_the_log_has_ended() -> None:
    mine = Subject("text", "default", "f3b1", 2)
    shared = SharedLog("text", "default", "f3b1", 2, None)
    for text in ("one\ntw", "o"):
        for line in lines_of(text, mine, "load", "stdout"):
            assert [it.text for it in shared.of(TIME, as_console(line))] in (["one"], [])
    assert [*shared.rest()] == [Said(TIME, "two")]
    assert not [*shared.rest()]

    own = OwnLog(["load"], None)
    for own_line in marked("one\ntw", "load").splitlines():
        assert [it.text for it in own.of(TIME, own_line)] in (["one"], [])
    assert [*own.rest()] == [Said(TIME, "tw")]


def test_a_run_of_the_same_name_is_another_one() -> None:
    selection = SharedLog("text", "default", "other", 2, None)
    assert not [it for line in log(json=True) for it in selection.of(TIME, line)]


def test_the_gateway_is_found_in_the_operators_pod() -> None:
    pod: dict[str, Any] = {"spec": {"containers": [{"name": "operator"}, {"name": "ray"}]}}
    assert gateway_in(pod, START) == ("ray", False)
    running = {"running": {"startedAt": "2026-01-02T03:05:00Z"}}
    state = {"name": "ray", "restartCount": 1, "state": running}
    pod["status"] = {"containerStatuses": [state]}
    assert gateway_in(pod, START) == ("ray", True)
    assert gateway_in(pod, START + timedelta(hours=1)) == ("ray", False)
    state["restartCount"] = 0
    assert gateway_in(pod, START) == ("ray", False)
    del pod["spec"]["containers"][1]
    assert gateway_in(pod, START) == ("operator", False)
