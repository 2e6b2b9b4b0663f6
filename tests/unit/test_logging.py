"""What the operator logs: one form for all lines, with the run that they concern."""

import json
import logging

from pipelinerun.api.status import Condition, PipelineRunStatus
from pipelinerun.controller.changes import change
from pipelinerun.controller.damper import FORGOTTEN_AFTER, KEPT, Damper
from pipelinerun.controller.log import (
    ConsoleFormatter,
    FieldsFilter,
    JsonFormatter,
    RepetitionFilter,
    time_of,
)
from pipelinerun.controller.subject import Subject, about

TEXT = Subject("text", "default", "f3b1", 2)


def record(
    text: str, *arguments: object, level: int = logging.INFO, name: str = "it"
) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, text, arguments, None)


def formatted(formatter: logging.Formatter, it: logging.LogRecord) -> str:
    assert FieldsFilter().filter(it)
    it.created = 0.25
    return formatter.format(it)


def test_a_line_about_a_run_has_its_fields_in_json() -> None:
    with about(TEXT):
        line = formatted(JsonFormatter(), record("%s", "Deleted"))
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.250Z",
        "level": "info",
        "logger": "it",
        "message": "Deleted",
        "run": "text",
        "namespace": "default",
        "uid": "f3b1",
        "attempt": 2,
    }


def test_a_line_about_a_run_has_its_fields_at_the_end_on_a_console() -> None:
    with about(Subject("text", "default", "f3b1", -1)):
        line = formatted(ConsoleFormatter(), record("%s", "Deleted"))
    assert line.endswith(" INFO    Deleted  run=text namespace=default uid=f3b1 finally=1")


def test_other_lines_have_none() -> None:
    assert formatted(ConsoleFormatter(), record("%s", "Hello")).endswith(" INFO    Hello")
    with about(TEXT):
        pass
    assert "run" not in json.loads(formatted(JsonFormatter(), record("%s", "Hello")))


def test_a_line_of_kopfs_has_the_object_that_it_is_about() -> None:
    for kind, key in (("PipelineRun", "run"), ("Pod", "pod")):
        it = record("%s", "Skipped")
        it.k8s_ref = {"kind": kind, "name": "text", "namespace": "default", "uid": "f3b1"}
        fields = json.loads(formatted(JsonFormatter(), it))
        assert fields.items() >= {key: "text", "namespace": "default", "uid": "f3b1"}.items()


def test_what_is_repeated_is_told_less_and_less_often() -> None:
    damper = Damper()
    told = [time for time in range(100) if damper.admitted("the same", time)]
    assert told == [0, 1, 3, 7, 15, 31, 63]
    assert damper.admitted("another", 100) == 1
    assert damper.admitted("the same", 100 + FORGOTTEN_AFTER) == 1


def test_only_so_much_is_remembered() -> None:
    damper = Damper()
    for number in range(KEPT + 1):
        damper.admitted(number, 0)
    assert [damper.admitted(0, 0), damper.admitted(KEPT, 0)] == [1, 2]


def test_a_warning_that_only_waits_longer_is_the_same_and_says_how_often_it_came() -> None:
    repetitions = RepetitionFilter()
    passed = []
    for delay in (1.0, 2.0, 4.0, 8.0):
        it = record(
            "%s; again in %.1f s", "refused", delay, level=logging.WARNING, name="pipelinerun.it"
        )
        if repetitions.filter(it):
            passed.append(it.getMessage())
    assert passed == [
        "refused; again in 1.0 s",
        "refused; again in 2.0 s (2 times so far)",
        "refused; again in 8.0 s (4 times so far)",
    ]
    decisions = [record("%s", "Starting") for _ in range(9)]
    assert all(repetitions.filter(it) for it in decisions)


def test_what_libraries_repeat_with_another_number_is_the_same() -> None:
    repetitions = RepetitionFilter()
    numbers = (1, 2, 3, 4)
    texts = [f"Attempt #{it}/9 failed; will retry" for it in numbers]
    passed = [repetitions.filter(record(it, level=logging.ERROR)) for it in texts]
    assert passed == [True, True, False, True]


def test_the_same_warning_about_another_run_is_another_one() -> None:
    fields, repetitions = FieldsFilter(), RepetitionFilter()
    for name in ("a", "b", "c"):
        with about(Subject(name, "default")):
            it = record("%s", "refused", level=logging.WARNING)
            assert fields.filter(it)
            assert repetitions.filter(it)
            assert it.getMessage() == "refused"


def test_times_are_in_utc() -> None:
    assert time_of(1_700_000_000.5) == "2023-11-14T22:13:20.500Z"


def status(phase: str, reason: str, message: str = "", **fields: object) -> PipelineRunStatus:
    condition = Condition(
        type="Succeeded",
        status="Unknown",
        reason=reason,
        message=message,
        last_transition_time="2026-01-02T03:04:05Z",
    )
    return PipelineRunStatus.model_validate({"phase": phase, "conditions": [condition], **fields})


def test_a_decision_is_told_and_progress_is_not() -> None:
    before = status("Starting", "AttemptStarting", attempt=1)
    after = status("Running", "AttemptRunning", "Attempt 1\nis running", attempt=1)
    assert change(before, after) == "Running: AttemptRunning: Attempt 1 is running"
    assert change(after, after.model_copy(update={"progress": "1/2"})) is None
    assert change(PipelineRunStatus(), before) == "Starting: AttemptStarting:"
