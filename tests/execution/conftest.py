"""Fixtures for real child processes."""

import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "support"))

from running import TRACE, eventually, traced


@pytest.fixture
def trace(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Marks the processes of a test and checks that none of them is left."""
    value = uuid.uuid4().hex
    monkeypatch.setenv(TRACE, value)
    yield value
    gone = eventually(lambda: not traced(value))
    left = [(it.pid, it.cmdline()) for it in traced(value)]
    for process in traced(value):
        process.kill()
    assert gone, left
    assert os.getpid() not in [pid for pid, _ in left]
