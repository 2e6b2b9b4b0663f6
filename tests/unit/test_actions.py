"""The order of what follows from a decision."""

from pipelinerun.core.actions import (
    Acknowledge,
    Delete,
    DeleteCluster,
    Release,
    Reserve,
    Start,
    Stop,
    Tell,
    WriteStatus,
    actions,
)
from pipelinerun.core.observed import Decision, Event
from tests.support.decisions import pending, running, starting

EVENT = Event("Normal", "Reason", "message")


def test_the_intent_is_written_before_the_attempt_starts_and_told_afterwards() -> None:
    decision = Decision(starting(), start=1, event=EVENT)
    order = [Reserve(), WriteStatus(starting()), Start(1), Tell(EVENT)]
    assert list(actions(pending(), decision)) == order


def test_what_is_recorded_already_is_not_written_again() -> None:
    decision = Decision(running(), stop="Drain")
    assert list(actions(running(), decision)) == [Stop(1, "Drain")]


def test_nothing_is_released_before_the_end_is_written() -> None:
    decision = Decision(pending(), release=True, event=EVENT)
    assert list(actions(running(), decision)) == [WriteStatus(pending()), Release(), Tell(EVENT)]


def test_a_cluster_that_is_left_is_deleted() -> None:
    decision = Decision(pending(), delete_cluster="large")
    assert list(actions(pending(), decision)) == [DeleteCluster("large")]


def test_a_run_is_deleted_when_nothing_of_it_is_left() -> None:
    decision = Decision(running(), release=True, delete="it is old")
    assert list(actions(running(), decision)) == [Release(), Delete("it is old")]


def test_a_spec_that_changed_after_the_end_is_acknowledged_unless_the_run_goes() -> None:
    decision = Decision(running(), release=True, acknowledge=True)
    assert list(actions(running(), decision)) == [Release(), Acknowledge()]
    decision = Decision(running(), release=True, acknowledge=True, delete="it is old")
    assert list(actions(running(), decision)) == [Release(), Delete("it is old")]
