"""Which lines of a log go out, and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.api.limits import TAIL_LIMIT
from pipelinerun.api.names import SECRET_VARIABLES
from pipelinerun.engine.log_follower import BYTES_OF_TAIL, end_of, pieces, whole_lines


def test_lines_of_rays_own_are_left_out() -> None:
    log = b":job_id:01000000\n:task_name:stage\nprinted\n:actor_name:A\n\ntoo\r\n"
    assert whole_lines(log) == (b"printed\n\ntoo\r\n", b"")


def test_the_beginning_of_a_line_waits_for_its_end_unless_it_is_too_long() -> None:
    assert whole_lines(b"one\ntw") == (b"one\n", b"tw")
    assert whole_lines(b"x" * 100_000) == (b"x" * 100_000, b"")
    assert whole_lines(b"") == (b"", b"")


def test_lines_go_out_in_pieces_that_a_pipe_takes_at_once() -> None:
    text = b"".join(b"line %d\n" % number for number in range(5000)) + b"x" * 10_000 + b"\nend"
    parts = list(pieces(text))
    assert b"".join(parts) == text
    assert max(len(part) for part in parts if b"xx" not in part) <= 4096
    assert all(part.endswith(b"\n") for part in parts[:-1])
    assert len(parts) < 20


@given(st.lists(st.binary(max_size=20)))
def test_however_a_log_arrives_nothing_is_lost(chunks: list[bytes]) -> None:
    rest, out = b"", b""
    for chunk in chunks:
        whole, rest = whole_lines(rest + chunk)
        out += whole
    kept = [line for line in b"".join(chunks).splitlines(keepends=True) if line[:1] != b":"]
    marked = [line for line in (out + rest).splitlines(keepends=True) if line[:1] != b":"]
    assert marked == kept


def test_the_end_of_an_output_is_as_long_as_a_status_has_room() -> None:
    assert end_of(b"") is None
    assert end_of(b"\n\n") is None
    assert end_of(b"a\nb\n") == "a\nb"
    text = "\N{GREEK SMALL LETTER ALPHA}" * 5000
    assert end_of(text.encode()[-BYTES_OF_TAIL:]) == text[:TAIL_LIMIT]


def test_the_end_of_an_output_hides_what_comes_from_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(SECRET_VARIABLES, "PASSWORD")
    monkeypatch.setenv("PASSWORD", "scott-tiger")
    for length in range(TAIL_LIMIT - 20, TAIL_LIMIT + 1):
        assert "tiger" not in str(end_of(b"scott-tiger " + b"x" * length))
