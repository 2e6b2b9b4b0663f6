"""Rows per second."""

from collections import defaultdict, deque
from collections.abc import Sequence

from pipelinerun.api.status import StageStatus

WINDOW = 5.0
"""Seconds that a rate looks back."""


_FEW = 10
"""Rows per second below which their first decimal counts."""


def rate_text(rate: float) -> str:
    """A rate for people."""
    return f"{rate:,.0f}" if rate >= _FEW else f"{rate:.1f}"


class Rates:
    """The rates of stages over the last seconds. The clock is an argument."""

    def __init__(self) -> None:
        self._seen: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)

    def observe(self, stages: Sequence[StageStatus], now: float) -> dict[str, float]:
        """Rows per second of each stage that runs and has got on."""
        return {it.name: rate for it in stages if (rate := self._rate(it, now)) > 0}

    def _rate(self, stage: StageStatus, now: float) -> float:
        seen = self._seen[stage.name]
        seen.append((now, max(stage.rows_in, stage.rows_out)))
        while len(seen) > 1 and seen[1][0] <= now - WINDOW:  # keep one from before the window
            seen.popleft()
        (start, before), (_, rows) = seen[0], seen[-1]
        return (rows - before) / (now - start) if stage.state == "Running" and now > start else 0.0
