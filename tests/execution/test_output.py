"""What a child writes to its descriptors 1 and 2 reaches the streams given."""

import io
import sys
from pathlib import Path
from typing import IO, Any

import pytest
from running import job, strategy

from pipelinerun.execution.options import ExecutionOptions

EVERY_WAY = """
import ctypes, os, subprocess, sys
print("print", flush=True)
os.write(1, b"write\\n")
ctypes.CDLL(None).puts(b"puts"); ctypes.CDLL(None).fflush(None)
subprocess.run(["echo", "grandchild"])
print("to stderr", file=sys.stderr)
"""
WRITTEN = "print\nwrite\nputs\ngrandchild\n"

pytestmark = pytest.mark.usefixtures("trace")


def run(code: str, stdout: IO[Any] | None, stderr: IO[Any] | None = None) -> None:
    strategy().execute(job(code), ExecutionOptions(stdout=stdout, stderr=stderr))


def test_a_file_gets_what_is_written_in_every_way(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w+") as out, (tmp_path / "err").open("wb+") as err:
        out.write("before\n")
        run(EVERY_WAY, out, err)
        assert (tmp_path / "out").read_text() == f"before\n{WRITTEN}"
        assert (tmp_path / "err").read_bytes() == b"to stderr\n"


def test_streams_in_memory_get_it_too() -> None:
    out, err = io.StringIO(), io.BytesIO()
    run(EVERY_WAY, out, err)
    assert out.getvalue() == WRITTEN
    assert err.getvalue() == b"to stderr\n"


def test_one_stream_may_take_both() -> None:
    both = io.StringIO()
    run(EVERY_WAY, both, both)
    assert sorted(both.getvalue().split()) == sorted(f"{WRITTEN}to stderr".split())


def test_streams_replaced_by_a_test_runner_work(capsys: pytest.CaptureFixture[str]) -> None:
    run(EVERY_WAY, sys.stdout, sys.stderr)
    assert capsys.readouterr() == (WRITTEN, "to stderr\n")


def test_without_streams_output_goes_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    run(EVERY_WAY, None)
    assert capfd.readouterr() == ("", "")


def test_a_line_of_50_mb_passes() -> None:
    out = io.BytesIO()
    run("import sys; sys.stdout.write('x' * 50_000_000)", out)
    assert out.getbuffer().nbytes == 50_000_000
    out.close()


def test_characters_cut_in_two_by_a_chunk_stay_whole() -> None:
    out = io.StringIO()
    run("import sys; sys.stdout.buffer.write(b'x' + 'ä'.encode() * 100_000 + b'\\xff')", out)
    assert out.getvalue() == "x" + "ä" * 100_000 + "\N{REPLACEMENT CHARACTER}"


def test_a_stream_closed_meanwhile_does_not_harm_the_run() -> None:
    out = io.StringIO()
    code = "import sys; reporter.progress([]); sys.stdout.write('x' * 1_000_000)"
    options = ExecutionOptions(stdout=out, on_progress=lambda _: out.close())
    strategy().execute(job(code), options)


def test_a_file_closed_before_is_the_callers_mistake(tmp_path: Path) -> None:
    out = (tmp_path / "out").open("w")
    out.close()
    with pytest.raises(ValueError, match="closed"):
        run("", out)


def test_standard_input_is_empty() -> None:
    run("import sys; assert sys.stdin.read() == ''", None)
