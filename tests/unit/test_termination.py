"""Last words of a worker."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.api.limits import MESSAGE_LIMIT, TAIL_LIMIT
from pipelinerun.api.status import Failure, Outcome, StageStatus
from pipelinerun.api.termination import LIMIT, decode, encode

TEXT = st.text(max_size=MESSAGE_LIMIT)


def stages(count: int, **fields: Any) -> list[StageStatus]:
    return [StageStatus(name=f"stage-{number}", **fields) for number in range(count)]


def failed(**fields: Any) -> Outcome:
    failure = Failure(
        class_="User", stage="s", exception="E", message="m" * MESSAGE_LIMIT, tail="t" * TAIL_LIMIT
    )
    return Outcome(exit_code=7, elapsed_seconds=1.5, failure=failure, **fields)


def test_what_fits_is_told_whole() -> None:
    outcome = failed(stages=stages(3, state="Succeeded", rows_in=5))
    assert decode(encode(outcome)) == outcome


def test_the_end_of_the_tail_is_kept_before_stages_that_succeeded() -> None:
    told = decode(encode(failed(stages=stages(18, state="Succeeded", rows_in=10**9))))
    assert told is not None
    assert told.failure is not None
    assert told.failure.tail is not None
    assert 0 < len(told.failure.tail) < TAIL_LIMIT
    assert len(told.stages) == 18


def test_with_too_many_stages_the_failed_one_is_told() -> None:
    many = [*stages(250, state="Succeeded"), *stages(250, state="Stopped")]
    many[300] = StageStatus(name="culprit", state="Failed", errors=1)
    told = decode(encode(failed(stages=many)))
    assert told is not None
    assert [stage.name for stage in told.stages] == ["culprit"]
    assert told.failure is not None
    assert told.failure.tail


def test_complete_checkpoints_are_told_among_many_stages() -> None:
    many = [*stages(250, state="Succeeded"), StageStatus(name="culprit", state="Failed")]
    many[100] = StageStatus(name="kept", state="Succeeded", checkpointed=True)
    told = decode(encode(failed(stages=many)))
    assert told is not None
    assert [stage.name for stage in told.stages] == ["kept", "culprit"]


def test_five_hundred_stages_that_succeeded_are_left_to_what_is_known_already() -> None:
    outcome = Outcome(exit_code=0, elapsed_seconds=3, stages=stages(500, state="Succeeded"))
    assert json.loads(encode(outcome)) == {"exitCode": 0, "elapsedSeconds": 3.0}


@given(
    st.integers(0, 255),
    st.none() | st.builds(lambda text: Failure(class_="User", message=text, tail=text), TEXT),
    st.integers(0, 500),
    st.sampled_from(["Succeeded", "Stopped", "Failed"]),
)
def test_whatever_it_is_it_fits_and_keeps_the_exit_code(
    code: int, failure: Failure | None, count: int, state: Any
) -> None:
    outcome = Outcome(exit_code=code, failure=failure, stages=stages(count, state=state))
    text = encode(outcome)
    assert len(text.encode()) <= LIMIT
    told = decode(text)
    assert told is not None
    assert told.exit_code == code
    assert (told.failure is None) == (failure is None)


def test_anything_else_is_nothing() -> None:
    for text in ("", "Error", "{}", "[]", '{"exitCode": "x"}', "null"):
        assert decode(text) is None
