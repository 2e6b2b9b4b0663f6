"""What attempts really did, as they wrote it down themselves: one line at their start and end.

Each line is appended by one write to a file on this machine, which pods have mounted.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

AttemptId = tuple[str, int]
"""Uid of the run and number of the attempt."""


@dataclass
class Interval:
    """The times at which an attempt said that it starts and that it ends."""

    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)


class Witness:
    """The file, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        folder.chmod(0o777)
        self.folder, self.path = folder, folder / "lines"
        self.path.touch()
        self.path.chmod(0o666)

    def attempts(self) -> dict[AttemptId, Interval]:
        """What was written so far."""
        found: dict[AttemptId, Interval] = defaultdict(Interval)
        for line in self.path.read_text().splitlines():
            uid, number, what, time = line.split()
            interval = found[uid, int(number)]
            (interval.starts if what == "start" else interval.ends).append(float(time))
        return dict(found)


def overlapping(attempts: dict[AttemptId, Interval]) -> list[tuple[AttemptId, AttemptId]]:
    """Attempts of one run of which the later one began before the other had said its end.

    One that was killed says no end; what is known of it is its start.
    """
    by_run: dict[str, list[tuple[int, Interval]]] = defaultdict(list)
    for (uid, number), interval in attempts.items():
        by_run[uid].append((number, interval))
    found = []
    for uid, numbered in by_run.items():
        ordered = sorted(numbered, key=lambda it: it[0])
        for (before, first), (after, second) in pairwise(ordered):
            if max(first.starts + first.ends) > min(second.starts):
                found.append(((uid, before), (uid, after)))
    return found
