"""Retention: how long a finished run stays."""

from datetime import datetime, timedelta

from pipelinerun.core.deadlines import GRAIN
from pipelinerun.core.observed import Observed
from pipelinerun.core.timestamps import parse_time

EXPIRED = "ttlSecondsAfterFinished has passed"
SURPLUS = "the history of its namespace holds no more runs"


def why_delete(observed: Observed, now: datetime) -> str | None:
    """Why a finished run is to be deleted; None if it stays for now."""
    expiry = _expiry(observed)
    if expiry is not None and expiry <= now:
        return EXPIRED
    return SURPLUS if observed.surplus else None


def expires_in(observed: Observed, now: datetime) -> float | None:
    """Seconds until the TTL of a finished run has passed; None if it has none, or if it has."""
    expiry = _expiry(observed)
    return (expiry - now).total_seconds() if expiry is not None and expiry > now else None


def _expiry(observed: Observed) -> datetime | None:
    ttl, completed = observed.requests.ttl, observed.status.completion_time
    if ttl is None or completed is None:
        return None
    return parse_time(completed) + timedelta(seconds=ttl) + GRAIN
