"""Signals to process groups. A group that is gone counts as success; nothing here raises."""

import os
import signal
import time

HANDLE_GRACE = 5.0
"""Seconds from SIGTERM to SIGKILL for a child that somebody waits for."""
PID_GRACE = 2.0
"""The same for a group of which only the number is known, as at interpreter exit."""

_POLL = 0.02


def signal_group(group: int, signum: int) -> bool:
    """Send a signal; False when nobody is left to get it.

    macOS answers EPERM for a group that consists of zombies only.
    """
    try:
        os.killpg(group, signum)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def end_group(group: int, grace: float = PID_GRACE) -> None:
    """SIGTERM, up to ``grace`` seconds for the whole group to go, then SIGKILL."""
    deadline = time.monotonic() + grace
    alive = signal_group(group, signal.SIGTERM)
    while alive and time.monotonic() < deadline:
        time.sleep(_POLL)
        alive = signal_group(group, 0)
    if alive:
        signal_group(group, signal.SIGKILL)
