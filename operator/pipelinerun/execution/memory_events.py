"""Evidence that the kernel killed for memory."""

from collections.abc import Iterator
from pathlib import Path

_MEMBERSHIP = Path("/proc/self/cgroup")
_HIERARCHY = Path("/sys/fs/cgroup")


def oom_kills(membership: Path = _MEMBERSHIP, hierarchy: Path = _HIERARCHY) -> int:
    """Processes of this one's control group that were ever killed for memory.

    0 where there is nothing to read, as on macOS.
    """
    for file in _counters(membership, hierarchy):
        try:
            words = file.read_text().split()
            return int(words[words.index("oom_kill") + 1])
        except (OSError, ValueError):
            continue
    return 0


def _counters(membership: Path, hierarchy: Path) -> Iterator[Path]:
    """Where the counter may be, for version 1 of control groups and for 2.

    A container may see its group by a path of the host's that it cannot see itself; then its own
    group is the root.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        group = path.lstrip("/")
        if controllers == "memory":
            yield hierarchy / "memory" / group / "memory.oom_control"
            yield hierarchy / "memory" / "memory.oom_control"
        elif not controllers:
            yield hierarchy / group / "memory.events"
            yield hierarchy / "memory.events"
