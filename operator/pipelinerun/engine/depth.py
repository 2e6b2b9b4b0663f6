"""Room for long lines of stages: Ray Data nests them, and Python limits how deep calls may nest."""

import sys

_FRAMES = 1000
"""Python's own default."""
_FRAMES_PER_STAGE = 20
"""Ray Data needs fewer than ten, in its planner and where it fuses stages into one task."""


def make_room(stages: int) -> None:
    """Let calls nest as deep as a pipeline of so many stages needs, in this process from now on.

    A limit is never lowered again: other threads may need it.
    """
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _FRAMES + _FRAMES_PER_STAGE * stages))
