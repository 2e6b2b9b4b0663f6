"""What changes of statuses add to the metrics."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise

from pipelinerun.api import metrics
from pipelinerun.api.metrics import Metric
from pipelinerun.api.status import PipelineRunStatus, StageStatus
from pipelinerun.core import status as build
from pipelinerun.core.measures import Measure, measures, waiting_since
from pipelinerun.core.observed import Sighting
from tests.support.decisions import (
    LATER,
    NOW,
    WORKER,
    backing_off,
    failed,
    finished,
    pending,
    running,
    starting,
    success,
    suspended,
)

EARLIER = NOW - timedelta(seconds=30)


def of(*statuses: PipelineRunStatus) -> list[Measure]:
    return [
        measure
        for before, after in pairwise(statuses)
        for measure in measures(before, after, mode="Subprocess", created=EARLIER)
    ]


def values(found: list[Measure], metric: Metric) -> dict[tuple[str, ...], float]:
    sums: Counter[tuple[str, ...]] = Counter()
    for it in found:
        if it.metric is metric:
            sums[it.labels] += it.value  # type: ignore[assignment] # a tally of floats
    return dict(sums)


def times(found: list[Measure], metric: Metric) -> int:
    return sum(it.metric is metric for it in found)


def test_a_status_that_is_seen_again_counts_nothing() -> None:
    for status in (
        PipelineRunStatus(),
        pending(),
        starting(),
        running(),
        backing_off(),
        finished(success()),
    ):
        assert of(status, status) == []


def test_a_run_is_counted_once_by_how_it_ended() -> None:
    whole = of(PipelineRunStatus(), pending(), starting(), running(), finished(success()))
    key = ("Succeeded", "", "Subprocess")
    assert values(whole, metrics.RUNS_FINISHED) == {key: 1}
    assert values(whole, metrics.ATTEMPTS) == {("Subprocess", "Completed"): 1}
    assert times(whole, metrics.RUN_DURATION) == 1
    assert times(whole, metrics.QUEUE_WAIT) == 1
    assert times(whole, metrics.START_LATENCY) == 1
    assert values(whole, metrics.QUEUE_WAIT) == {("Subprocess",): 30}


def test_a_failure_is_counted_by_its_class() -> None:
    ended = build.attempt_ended(running(), failed("OutOfMemory", 137), now=LATER)
    end = build.finished(ended, failed("OutOfMemory", 137), generation=1, now=LATER)
    found = of(running(), end)
    assert values(found, metrics.RUNS_FINISHED) == {("Failed", "OutOfMemory", "Subprocess"): 1}
    assert values(found, metrics.RETRIES) == {}


def test_a_run_that_never_started_has_no_duration() -> None:
    refused = build.finished(PipelineRunStatus(), failed("Config", 2), generation=1, now=NOW)
    found = of(PipelineRunStatus(), refused)
    assert values(found, metrics.RUNS_FINISHED) == {("Failed", "Config", "Subprocess"): 1}
    assert times(found, metrics.RUN_DURATION) == times(found, metrics.QUEUE_WAIT) == 0


def test_a_retry_is_counted_by_its_budget() -> None:
    waiting = {}
    for budget in ("user", "infrastructure", "ignored"):
        ended = build.attempt_ended(running(), failed(), now=LATER, budget=budget)
        waiting[budget] = build.backing_off(ended, LATER, "", generation=1, now=LATER)
        assert values(of(running(), waiting[budget]), metrics.RETRIES) == {
            (budget, "Subprocess"): 1
        }
    again = build.attempt_started(waiting["user"], ("in", "out"), WORKER, generation=1, now=LATER)
    assert of(waiting["user"], again) == []


def test_rows_are_counted_as_they_are_shown_whatever_was_shown_before() -> None:
    def shows(status: PipelineRunStatus, rows: int) -> PipelineRunStatus:
        stages = (StageStatus(name="in", rows_out=rows, seconds=rows / 10), StageStatus(name="out"))
        sighting = Sighting(status.attempt or 0, "Running", stages=stages)
        return build.attempt_running(status, sighting, generation=1, now=LATER)

    first = [starting()]
    for rows in (5, 5, 8):
        first.append(shows(first[-1], rows))
    ended = build.attempt_ended(first[-1], failed("Infrastructure", 137), now=LATER)
    waits = build.backing_off(ended, LATER, "", generation=1, now=LATER)
    second = build.attempt_started(waits, ("in", "out"), WORKER, generation=1, now=LATER)
    found = of(*first, waits, second, shows(second, 3))
    assert values(found, metrics.STAGE_ROWS)["out", "Subprocess"] == 8 + 5 + 3
    assert values(of(second, shows(second, 3)), metrics.STAGE_ROWS) == {("out", "Subprocess"): 3}


def test_an_attempt_that_was_lost_says_nothing_of_starting() -> None:
    lost = failed("Infrastructure", 137).model_copy(update={"elapsed_seconds": 0.0})
    ended = build.attempt_ended(running(), lost, now=LATER)
    found = of(running(), build.backing_off(ended, LATER, "", generation=1, now=LATER))
    assert times(found, metrics.ATTEMPTS) == 1
    assert times(found, metrics.START_LATENCY) == 0


def test_the_time_in_which_a_pipeline_did_not_run_is_that_of_its_start() -> None:
    later = NOW + timedelta(seconds=10)
    ended = build.attempt_ended(running(), success(), now=later)
    assert values(of(running(), ended), metrics.START_LATENCY) == {("Subprocess",): 7.5}


def test_a_run_waits_since_it_could_go_on() -> None:
    assert waiting_since(PipelineRunStatus(), EARLIER) == EARLIER
    assert waiting_since(pending(), EARLIER) == EARLIER
    assert waiting_since(starting(), EARLIER) == NOW
    assert waiting_since(running(), EARLIER) is None
    assert waiting_since(suspended(), EARLIER) is None
    assert waiting_since(finished(success()), EARLIER) is None
    waits = build.backing_off(running(), LATER, "", generation=1, now=NOW)
    assert waiting_since(waits, EARLIER) == LATER
    assert waiting_since(pending(suspended()), EARLIER) == NOW


def test_every_label_that_is_recorded_is_declared() -> None:
    ended = build.attempt_ended(running(), failed(), now=LATER, budget="user")
    waits = build.backing_off(ended, LATER, "", generation=1, now=LATER)
    found = of(PipelineRunStatus(), starting(), running(), waits, finished(success()))
    for it in found:
        assert len(it.labels) == len(it.metric.labels)
        for name, value in zip(it.metric.labels, it.labels, strict=True):
            allowed = metrics.LABELS[name].values
            assert not allowed or value in allowed
