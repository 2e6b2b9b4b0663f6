"""Limits, and evidence of kills for memory, read from control groups."""

from pathlib import Path

import pytest

from pipelinerun.engine.cgroups import ControlGroup

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
    group = ControlGroup(tmp_path / "cgroup", tmp_path / "hierarchy")
    assert group.oom_kills() == expected


def test_without_control_groups_there_is_no_evidence(tmp_path: Path) -> None:
    group = ControlGroup(tmp_path / "none", tmp_path)
    assert (group.oom_kills(), group.cpus(), group.memory()) == (0, None, None)


@pytest.mark.parametrize(
    ("membership", "files", "cpus", "memory"),
    [
        ("0::/\n", {"cpu.max": "max 100000\n", "memory.max": "max\n"}, None, None),
        ("0::/\n", {"cpu.max": "50000 100000\n", "memory.max": "1073741824\n"}, 1, 2**30),
        ("0::/\n", {"cpu.max": "250000 100000\n"}, 3, None),
        (
            "3:cpu,cpuacct:/pod\n4:memory:/pod\n",
            {
                "cpu/cpu.cfs_quota_us": "400000\n",
                "cpu/cpu.cfs_period_us": "100000\n",
                "memory/memory.limit_in_bytes": "2147483648\n",
            },
            4,
            2**31,
        ),
        (
            "3:cpu:/\n4:memory:/\n",
            {
                "cpu/cpu.cfs_quota_us": "-1\n",
                "memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            None,
            None,
        ),
    ],
)
def test_limits_are_those_of_the_own_group(
    tmp_path: Path, membership: str, files: dict[str, str], cpus: int | None, memory: int | None
) -> None:
    (tmp_path / "cgroup").write_text(membership)
    for name, text in files.items():
        file = tmp_path / "hierarchy" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    group = ControlGroup(tmp_path / "cgroup", tmp_path / "hierarchy")
    assert (group.cpus(), group.memory()) == (cpus, memory)
