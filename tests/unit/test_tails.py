"""What a failure shows of what was printed."""

from pipelinerun.api.status import Failure, FailureClass, Outcome


def failed(class_: FailureClass, tail: str | None = None) -> Outcome:
    return Outcome(exit_code=1, failure=Failure(class_=class_, tail=tail))


def tail_of(outcome: Outcome) -> str | None:
    assert outcome.failure is not None
    return outcome.failure.tail


def test_a_failure_without_a_traceback_shows_what_was_printed_last() -> None:
    assert tail_of(failed("User").with_tail("last words")) == "last words"
    assert tail_of(failed("OutOfMemory").with_tail("last words")) == "last words"


def test_a_traceback_tells_more() -> None:
    assert tail_of(failed("User", "Traceback").with_tail("last words")) == "Traceback"


def test_nothing_is_shown_where_nothing_failed_or_somebody_ended_it() -> None:
    assert tail_of(failed("Cancelled").with_tail("last words")) is None
    assert tail_of(failed("User").with_tail(None)) is None
    assert Outcome(exit_code=0).with_tail("last words").failure is None
