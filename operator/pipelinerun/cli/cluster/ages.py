"""Lengths of time for people. Pure."""

import re
from datetime import datetime

from pipelinerun.core.timestamps import parse_time

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_UNITS = {"": 1, "s": 1, "m": _MINUTE, "h": _HOUR, "d": _DAY}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")


def age(timestamp: str | None, now: datetime) -> str:
    """How long ago something was; empty if it never was."""
    return human((now - parse_time(timestamp)).total_seconds()) if timestamp else ""


def human(length: float) -> str:
    """Seconds in at most two units; the second one only where it matters."""
    seconds = max(int(length), 0)
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
    return f"{seconds:.1f}s" if seconds < _MINUTE else human(seconds)


def seconds_of(text: str) -> float:
    """Seconds in a length as kubectl takes it: 90, 90s, 1h30m.

    Raises:
        ValueError: it is none.
    """
    parts = _LENGTH.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a time such as 90s or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
