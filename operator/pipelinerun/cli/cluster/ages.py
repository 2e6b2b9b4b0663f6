"""Lengths of time for people. Pure."""

from datetime import datetime, timedelta

from pipelinerun.core.timestamps import parse_time

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def age(timestamp: str | None, now: datetime) -> str:
    """How long ago something was; empty if it never was."""
    return human(now - parse_time(timestamp)) if timestamp else ""


def human(length: timedelta) -> str:
    """A length in at most two units; the second one only where it matters."""
    seconds = max(int(length.total_seconds()), 0)
    for unit, part, large, small, coarse in (
        (_DAY, _HOUR, "d", "h", 8),
        (_HOUR, _MINUTE, "h", "m", 8),
        (_MINUTE, 1, "m", "s", 10),
    ):
        if seconds >= unit:
            whole, rest = divmod(seconds, unit)
            rest //= part
            return f"{whole}{large}{rest}{small}" if rest and whole < coarse else f"{whole}{large}"
    return f"{seconds}s"


def elapsed(seconds: float | None) -> str:
    """Seconds that something took; tenths where it was short."""
    if seconds is None:
        return ""
    return f"{seconds:.1f}s" if seconds < _MINUTE else human(timedelta(seconds=seconds))
