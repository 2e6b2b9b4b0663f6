from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.execution.marked_lines import MarkedLines, Report, marked

TEXTS = st.text(alphabet="ab\n\x1ep")


def read(pieces: list[str]) -> list[Report | str]:
    lines = MarkedLines()
    return [item for piece in pieces for item in lines.feed(piece)]


def test_reports_and_text_come_in_order() -> None:
    log = f"before\n{marked({'a': 1}).decode()}between{marked({'b': 2}).decode()}after\n"
    assert read([log]) == ["before\n", {"a": 1}, "between", {"b": 2}, "after\n"]


@given(st.lists(TEXTS), st.integers(min_value=1, max_value=7))
def test_pieces_of_any_size_give_the_same(texts: list[str], size: int) -> None:
    reports = [{"number": number} for number in range(len(texts))]
    pairs = zip(texts, reports, strict=True)
    log = "".join(f"{text}{marked(report).decode()}" for text, report in pairs)
    items = read([log[start : start + size] for start in range(0, len(log), size)])
    assert [it for it in items if not isinstance(it, str)] == reports
    assert "".join(it for it in items if isinstance(it, str)) == "".join(texts)
