"""Outcomes of pipelines that could not tell their own."""

import signal

import pytest

from pipelinerun.api.limits import MESSAGE_LIMIT, TAIL_LIMIT
from pipelinerun.api.status import FailureClass, Outcome, StageStatus
from pipelinerun.execution.outcomes import (
    cannot_start,
    interrupted,
    of_exception,
    of_wait_status,
)


@pytest.mark.parametrize(
    ("returncode", "facts", "exit_code", "kind", "signum"),
    [
        (1, {}, 1, "Infrastructure", None),
        (1, {"out_of_memory": True}, 1, "OutOfMemory", None),
        (3, {}, 3, "User", None),
        (0, {}, 1, "User", None),
        (255, {}, 255, "User", None),
        (1, {"ready": False}, 125, "Infrastructure", None),
        (0, {"ready": False}, 125, "Infrastructure", None),
        (-9, {}, 137, "Infrastructure", 9),
        (-9, {"out_of_memory": True}, 137, "OutOfMemory", 9),
        (-9, {"ready": False, "out_of_memory": True}, 137, "OutOfMemory", 9),
        (-9, {"stopped": True, "out_of_memory": True}, 137, "Cancelled", 9),
        (-11, {}, 139, "User", 11),
        (-11, {"out_of_memory": True}, 139, "User", 11),
        (-6, {}, 134, "User", 6),
        (-1, {}, 129, "Infrastructure", 1),
        (-15, {}, 143, "Cancelled", 15),
        (143, {}, 143, "Cancelled", 15),
        (130, {}, 130, "Cancelled", 2),
        (150, {}, 150, "User", 22),
        (1, {"stopped": True}, 143, "Cancelled", 15),
        (-6, {"stopped": True}, 143, "Cancelled", 15),
        (-15, {"stopped": True, "ready": False}, 143, "Cancelled", 15),
        (-40, {}, 168, "Infrastructure", 40),
    ],
)
def test_a_wait_status_tells_how_a_child_ended(
    returncode: int,
    facts: dict[str, bool],
    exit_code: int,
    kind: FailureClass,
    signum: int | None,
) -> None:
    outcome = of_wait_status(returncode, **{"ready": True, **facts})
    assert outcome.failure is not None
    assert (outcome.exit_code, outcome.failure.class_) == (exit_code, kind)
    assert outcome.failure.signal == signum
    assert outcome.failure.message
    assert outcome.failure.tail is None


@pytest.mark.parametrize(
    ("error", "exit_code", "kind"),
    [
        (SystemExit(), 0, None),
        (SystemExit(0), 0, None),
        (SystemExit(7), 7, "User"),
        (SystemExit(-1), 255, "User"),
        (SystemExit(256), 0, None),
        (SystemExit(True), 1, "User"),
        (SystemExit("message"), 1, "User"),
        (ValueError("wrong"), 1, "User"),
        (MemoryError(), 1, "OutOfMemory"),
    ],
)
def test_an_exception_means_what_it_means_at_the_end_of_a_script(
    error: BaseException, exit_code: int, kind: FailureClass | None
) -> None:
    outcome = of_exception(error)
    assert outcome.exit_code == exit_code
    assert (outcome.failure.class_ if outcome.failure else None) == kind


def test_a_message_to_exit_with_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    of_exception(SystemExit("out of luck"))
    assert capsys.readouterr().err == "out of luck\n"


def test_texts_are_cut_to_what_the_api_allows_and_survive_json() -> None:
    kind = type("E" * 1000, (RuntimeError,), {})
    outcome = cannot_start("m" * 5000, kind("x" * 5000))
    failure = outcome.failure
    assert failure is not None
    assert (len(failure.message), len(failure.tail or "")) == (MESSAGE_LIMIT, TAIL_LIMIT)
    assert Outcome.model_validate_json(outcome.model_dump_json(by_alias=True)) == outcome


def test_an_interruption_cancels_all_but_a_success() -> None:
    stages = [StageStatus(name="read", rows_out=3)]
    failed = of_exception(ValueError("Ray is gone")).model_copy(update={"stages": stages})
    outcome = interrupted(failed, signal.SIGINT)
    assert outcome.failure is not None
    assert (outcome.exit_code, outcome.failure.class_, outcome.failure.signal) == (
        130,
        "Cancelled",
        2,
    )
    assert outcome.stages == stages
    assert interrupted(Outcome(exit_code=0), signal.SIGTERM) == Outcome(exit_code=0)
