"""Times as the API writes them."""

from datetime import UTC, datetime


def format_time(time: datetime) -> str:
    """RFC 3339 in UTC with seconds, as ``metav1.Time``."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """The inverse of ``format_time``; fractions of seconds are read too."""
    return datetime.fromisoformat(text)
