"""Rows per second."""

import pytest

from pipelinerun.api.status import StageState, StageStatus
from pipelinerun.cli.rates import WINDOW, Rates, rate_text


def stage(rows: int, state: StageState = "Running") -> StageStatus:
    return StageStatus(name="work", state=state, rows_in=rows)


def rates_after(*seen: tuple[float, StageStatus]) -> dict[str, float]:
    rates = Rates()
    return [rates.observe([it], now) for now, it in seen][-1]


def test_the_first_sight_tells_no_rate() -> None:
    assert rates_after((0.0, stage(10))) == {}


@pytest.mark.parametrize(
    ("seen", "rate"),
    [
        ([(0.0, stage(0)), (2.0, stage(20))], 10.0),
        ([(0.0, stage(0)), (WINDOW, stage(50)), (2 * WINDOW, stage(150))], 100 / WINDOW),
        ([(0.0, stage(0)), (3 * WINDOW, stage(30))], 30 / (3 * WINDOW)),
    ],
    ids=["since the first sight", "over the last seconds", "seen rarely"],
)
def test_a_rate_looks_back_a_few_seconds(
    seen: list[tuple[float, StageStatus]], rate: float
) -> None:
    assert rates_after(*seen) == {"work": pytest.approx(rate)}


def test_a_source_is_measured_by_what_it_yields() -> None:
    before, after = (StageStatus(name="read", state="Running", rows_out=n) for n in (0, 5))
    assert rates_after((0.0, before), (1.0, after)) == {"read": 5.0}


def test_a_stage_that_stands_still_has_no_rate() -> None:
    seen = [(float(second), stage(7)) for second in range(3)]
    assert rates_after(*seen) == {}


def test_a_stage_that_has_ended_has_no_rate() -> None:
    assert rates_after((0.0, stage(0)), (1.0, stage(9, "Succeeded"))) == {}


@pytest.mark.parametrize(
    ("rate", "text"), [(0.25, "0.2"), (9.96, "10.0"), (10.0, "10"), (12345.6, "12,346")]
)
def test_slow_streams_have_rates_with_a_decimal(rate: float, text: str) -> None:
    assert rate_text(rate) == text
