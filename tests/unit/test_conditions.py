"""Conditions by the kstatus rules."""

from datetime import timedelta

import pytest

from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.status import Condition, Phase
from pipelinerun.core.conditions import conditions_for, resumed_at
from tests.support.decisions import LATER, NOW


def conditions(phase: Phase, *, previous: list[Condition] | None = None) -> list[Condition]:
    return conditions_for(
        phase, "Reason", "Message", previous=previous or [], generation=3, now=NOW
    )


def kstatus(found: list[Condition], generation: int) -> str:
    """What kstatus makes of an object with these conditions, in the order of its own checks."""
    truths = {condition.type: condition.status for condition in found}
    if any(condition.observed_generation != generation for condition in found):
        return "InProgress"
    if truths.get("Reconciling") == "True":
        return "InProgress"
    if truths.get("Stalled") == "True":
        return "Failed"
    return "Current" if truths.get("Ready", "True") == "True" else "InProgress"


TABLE: list[tuple[Phase, dict[str, str], str]] = [
    (
        "Pending",
        {"Succeeded": "Unknown", "Ready": "False", "Reconciling": "True"},
        "InProgress",
    ),
    (
        "Starting",
        {"Succeeded": "Unknown", "Ready": "False", "Reconciling": "True"},
        "InProgress",
    ),
    (
        "Running",
        {"Succeeded": "Unknown", "Ready": "False", "Reconciling": "True"},
        "InProgress",
    ),
    (
        "Stopping",
        {"Succeeded": "Unknown", "Ready": "False", "Reconciling": "True"},
        "InProgress",
    ),
    ("Suspended", {"Succeeded": "Unknown", "Suspended": "True"}, "Current"),
    ("Succeeded", {"Succeeded": "True", "Ready": "True"}, "Current"),
    ("Cancelled", {"Succeeded": "False", "Ready": "False", "Stalled": "True"}, "Failed"),
    ("Failed", {"Succeeded": "False", "Ready": "False", "Stalled": "True"}, "Failed"),
]


@pytest.mark.parametrize(("phase", "truths", "verdict"), TABLE)
def test_a_phase_has_its_conditions_and_kstatus_agrees(
    phase: Phase, truths: dict[str, str], verdict: str
) -> None:
    found = conditions(phase)
    assert {condition.type: condition.status for condition in found} == truths
    assert kstatus(found, generation=3) == verdict
    assert {(it.reason, it.message, it.observed_generation) for it in found} == {
        ("Reason", "Message", 3)
    }


@pytest.mark.parametrize("phase", [phase for phase, *_ in TABLE])
def test_the_time_of_a_transition_is_kept_while_the_truth_stays(phase: Phase) -> None:
    before = conditions("Running")
    after = conditions_for(phase, "Other", "Other", previous=before, generation=4, now=LATER)
    was = {condition.type: condition.status for condition in before}
    for condition in after:
        kept = was.get(condition.type) == condition.status
        expected = NOW if kept else LATER
        assert condition.last_transition_time == f"{expected:%Y-%m-%dT%H:%M:%SZ}"


def test_a_long_message_is_cut() -> None:
    found = conditions_for("Failed", "R", "x" * 5000, previous=[], generation=1, now=NOW)
    assert {len(condition.message) for condition in found} == {MESSAGE_LIMIT}


def test_times_are_written_in_utc_with_seconds() -> None:
    now = (NOW + timedelta(microseconds=900_000)).astimezone()
    (first, *_) = conditions_for("Pending", "R", "", previous=[], generation=1, now=now)
    assert first.last_transition_time == "2026-01-31T12:00:00Z"


def test_a_resumed_run_tells_since_when() -> None:
    held = conditions("Suspended")
    resumed = conditions_for(
        "Running", "AttemptRunning", "", previous=held, generation=4, now=LATER
    )
    done = conditions_for(
        "Succeeded", "Completed", "", previous=resumed, generation=5, now=LATER + timedelta(1)
    )
    for found, generation in ((resumed, 4), (done, 5)):
        (condition,) = (it for it in found if it.type == "Suspended")
        assert (condition.status, condition.reason) == ("False", "Resumed")
        assert condition.last_transition_time == f"{LATER:%Y-%m-%dT%H:%M:%SZ}"
        assert condition.observed_generation == generation
    assert resumed_at(done) == f"{LATER:%Y-%m-%dT%H:%M:%SZ}"
