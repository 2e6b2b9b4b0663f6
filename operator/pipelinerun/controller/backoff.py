"""Waits that double with each failure."""


def doubled(first: float, failures: int, longest: float) -> float:
    """Seconds to wait after so many failures before the last one."""
    return min(first * 2.0 ** min(failures, 32), longest)
