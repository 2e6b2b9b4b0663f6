"""A child that the kernel kills for memory, in a control group with a limit."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import python

LIMIT = 256 * 2**20
PARENT = """
import sys
from pathlib import Path
Path(sys.stdin.readline().strip(), "cgroup.procs").write_text("0")
from running import job, strategy
from pipelinerun.execution.result import PipelineFailedError
try:
    strategy("run").execute(job("x = bytearray(); [x.extend(bytes(2**20)) for _ in range(4096)]"))
except PipelineFailedError as error:
    print(error.outcome.exit_code, error.outcome.failure.class_)
"""


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group with a memory limit; needs root."""
    version_1 = Path("/sys/fs/cgroup/memory")
    parent, limit = (
        (version_1, "memory.limit_in_bytes")
        if version_1.exists()
        else (Path("/sys/fs/cgroup"), "memory.max")
    )
    group = parent / f"pipelinerun-test-{uuid.uuid4().hex[:8]}"
    try:
        group.mkdir()
        (group / limit).write_text(str(LIMIT))
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip(f"no control group can be made: {error}")
    yield group
    group.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_kill_for_memory_is_told_apart_from_any_other(trace: str, group: Path) -> None:
    with python(PARENT, trace, stdin=-1) as parent:
        out, err = parent.communicate(f"{group}\n")
    assert (out, err) == ("137 OutOfMemory\n", "")
