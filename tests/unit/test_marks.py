"""Lines of a worker's log carry the stage that has printed them, and lose nothing by it."""

from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.cli.cluster.logs.said import OwnLog, Said
from pipelinerun.worker.marks import Line, marked, read

TIME = "2026-01-02T03:04:05Z"


def shown(log: str, stage: str | None) -> list[str]:
    own = OwnLog(["load", "store"], stage)
    return [it.text for line in log.split("\n")[:-1] for it in own.of(TIME, line)]


def test_each_line_is_behind_its_stage() -> None:
    assert marked("one\n\n two\n", "load") == "load | one\nload | \nload |  two\n"
    assert marked("", "load") == ""


def test_a_line_without_its_end_goes_on_later() -> None:
    first, other = marked("a\nlong", "load"), marked("in between\n", "store")
    assert first == "load | a\nload + long\n"
    log = first + other + marked(" line\n", "load")
    assert shown(log, None) == ["a", "in between", "long line"]
    assert shown(log, "load") == ["a", "long line"]


def test_what_no_stage_has_printed_is_left_alone() -> None:
    assert read("Ray is up", ["load"]) == Line(None, "Ray is up")
    assert read("other | text", ["load"]) == Line(None, "other | text")
    assert list(OwnLog(["load"], "load").of(TIME, "other | text")) == []
    assert list(OwnLog(["load"], None).of(TIME, "other | text")) == [Said(TIME, "other | text")]


@given(st.lists(st.text(st.characters(exclude_characters="\n"))))
def test_lines_come_back_as_they_were(lines: list[str]) -> None:
    log = marked("".join(f"{line}\n" for line in lines), "load")
    assert shown(log, None) == shown(log, "load") == lines
    assert shown(log, "store") == []
