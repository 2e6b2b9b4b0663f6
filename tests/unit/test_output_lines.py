"""How the gateway's log says whose a line is, and that it is read back."""

from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.controller.inprocess.lines import (
    LONGEST,
    Line,
    as_console,
    as_json,
    lines_of,
    read,
)
from pipelinerun.controller.subject import Subject

TIME = "2026-01-02T03:04:05.678Z"
TEXT = Subject("text", "default", "f3b1", 2)
LAST = Subject("my.run", "team-a", "f3b1", -1)

names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
subjects = st.builds(
    Subject, names, names, st.uuids().map(str), st.integers(-9, 99).filter(lambda it: it != 0)
)
lines = st.builds(
    Line,
    subjects,
    st.none() | st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,10}[A-Za-z0-9])?", fullmatch=True),
    st.sampled_from(["stdout", "stderr"]),
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"])),
    st.booleans(),
)


def test_people_see_the_attempt_and_the_stage_before_a_line() -> None:
    assert as_console(Line(TEXT, "load", "stdout", "hi")) == "default/text 2 load | hi"
    assert as_console(Line(LAST, None, "stderr", "")) == "team-a/my.run finally-1 - | "
    assert as_console(Line(TEXT, "load", "stdout", "hi", goes_on=True))[-4:] == "+ hi"


def test_collectors_get_it_in_fields() -> None:
    assert as_json(Line(TEXT, "load", "stdout", "hi"), TIME) == (
        '{"time": "2026-01-02T03:04:05.678Z", "logger": "output", "message": "hi", "run": "text",'
        ' "namespace": "default", "uid": "f3b1", "attempt": 2, "stage": "load", "stream": "stdout"}'
    )


@given(lines)
def test_whatever_is_printed_is_read_back_from_json(line: Line) -> None:
    assert read(as_json(line, TIME)) == line


@given(lines)
def test_whatever_is_printed_is_read_back_from_the_console_but_for_uid_and_stream(
    line: Line,
) -> None:
    found = read(as_console(line))
    assert found is not None
    assert (found.stage, found.text, found.goes_on) == (line.stage, line.text, line.goes_on)
    run, number = (found.subject.run, found.subject.namespace), found.subject.attempt
    assert (*run, number) == (line.subject.run, line.subject.namespace, line.subject.attempt)


def test_lines_that_no_run_has_printed_are_none_of_them() -> None:
    for text in ("", "2026-01-02 INFO    Ray is up", "{}", '{"message": "hi"}', "{", "a/b c"):
        assert read(text) is None


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_is_the_sum_of_its_lines(text: str) -> None:
    found = [*lines_of(text, TEXT, None, "stdout")]
    assert "".join(f"{it.text}{'' if it.goes_on else chr(10)}" for it in found) == text


def test_a_long_line_goes_on_in_the_next_one() -> None:
    found = [*lines_of("x" * (2 * LONGEST + 1) + "\nrest", TEXT, None, "stdout")]
    assert [(len(it.text), it.goes_on) for it in found] == [
        *((LONGEST, True), (LONGEST, True), (1, False), (4, True)),
    ]
