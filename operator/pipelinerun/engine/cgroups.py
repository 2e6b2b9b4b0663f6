"""What the control group of this process says: limits, and kills for memory."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path

_UNLIMITED = 1 << 60
"""Version 1 says "no limit" by a number near the largest there is."""


@dataclass(frozen=True)
class ControlGroup:
    """Files of the control group of this process, for version 1 and for version 2.

    Nothing is known where there are none, as on macOS.
    """

    membership: Path = Path("/proc/self/cgroup")
    hierarchy: Path = Path("/sys/fs/cgroup")

    def cpus(self) -> int | None:
        """CPUs that the quota comes to, rounded up; None without a quota."""
        for text in self._texts("cpu.max", "cpu", "cpu.cfs_quota_us"):
            quota, *period = text.split()
            if quota in {"max", "-1"}:
                return None
            periods = iter(period) if period else self._texts("", "cpu", "cpu.cfs_period_us")
            return max(1, ceil(int(quota) / int(next(periods, "100000"))))
        return None

    def memory(self) -> int | None:
        """Bytes of memory that may be used; None without a limit."""
        for text in self._texts("memory.max", "memory", "memory.limit_in_bytes"):
            if text.strip() == "max" or int(text) >= _UNLIMITED:
                return None
            return int(text)
        return None

    def oom_kills(self) -> int:
        """Processes of the group that were ever killed for memory."""
        for text in self._texts("memory.events", "memory", "memory.oom_control"):
            words = text.split()
            with suppress(ValueError):
                return int(words[words.index("oom_kill") + 1])
        return 0

    def _texts(self, name: str, controller: str, old_name: str) -> Iterator[str]:
        """Contents of a file by its name in version 2, or of a controller's file in version 1."""
        for file in self._candidates(name, controller, old_name):
            with suppress(OSError):
                yield file.read_text()

    def _candidates(self, name: str, controller: str, old_name: str) -> Iterator[Path]:
        # A container may see its group by a path of the host's that it cannot see itself; then its
        # own group is the root.
        try:
            lines = self.membership.read_text().splitlines()
        except OSError:
            return
        for line in lines:
            _, controllers, path = line.split(":", 2)
            group = path.lstrip("/")
            if controller in controllers.split(","):
                yield self.hierarchy / controllers / group / old_name
                yield self.hierarchy / controller / group / old_name
                yield self.hierarchy / controller / old_name
            elif not controllers and name:
                yield self.hierarchy / group / name
                yield self.hierarchy / name
