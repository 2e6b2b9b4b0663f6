"""Evidence of kills for memory, read from control groups."""

from pathlib import Path

import pytest

from pipelinerun.execution.memory_events import oom_kills

VERSION_2 = "low 0\nhigh 0\nmax 31\noom 2\noom_kill 2\noom_group_kill 0\n"
VERSION_1 = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"


@pytest.mark.parametrize(
    ("membership", "file", "content", "expected"),
    [
        ("0::/\n", "memory.events", VERSION_2, 2),
        ("0::/pods/one\n", "pods/one/memory.events", VERSION_2, 2),
        ("0::/of/the/host\n", "memory.events", VERSION_2, 2),
        ("4:memory:/pods/one\n0::/\n", "memory/pods/one/memory.oom_control", VERSION_1, 3),
        ("4:memory:/of/the/host\n0::/\n", "memory/memory.oom_control", VERSION_1, 3),
        ("0::/with:colon\n", "with:colon/memory.events", VERSION_2, 2),
        ("0::/pods/one\n", "pods/two/memory.events", VERSION_2, 0),
        ("0::/\n", "memory.events", "", 0),
        ("", "memory.events", VERSION_2, 0),
    ],
)
def test_kills_are_counted_in_the_own_group(
    tmp_path: Path, membership: str, file: str, content: str, expected: int
) -> None:
    (tmp_path / "cgroup").write_text(membership)
    counter = tmp_path / "hierarchy" / file
    counter.parent.mkdir(parents=True)
    counter.write_text(content)
    assert oom_kills(tmp_path / "cgroup", tmp_path / "hierarchy") == expected


def test_without_control_groups_there_is_no_evidence(tmp_path: Path) -> None:
    assert oom_kills(tmp_path / "none", tmp_path) == 0
