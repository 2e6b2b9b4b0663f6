"""The exit-code convention."""

import signal

import pytest

from pipelinerun.api.exit_codes import ExitCode, from_wait_status, signal_of


@pytest.mark.parametrize(
    ("returncode", "exit_code"),
    [(0, 0), (1, 1), (42, 42), (255, 255), (-signal.SIGKILL, 137), (-signal.SIGTERM, 143)],
)
def test_a_process_killed_by_signal_n_counts_as_128_plus_n(returncode: int, exit_code: int) -> None:
    assert from_wait_status(returncode) == exit_code


@pytest.mark.parametrize(
    ("exit_code", "number"),
    [
        *((0, None), (1, None), (127, None), (128, None), (193, None), (255, None)),
        *((129, 1), (137, 9), (143, 15), (192, 64)),
    ],
)
def test_an_exit_code_names_the_signal_it_stands_for(exit_code: int, number: int | None) -> None:
    assert signal_of(exit_code) == number


@pytest.mark.parametrize("number", list(signal.valid_signals()))
def test_every_signal_survives_the_way_there_and_back(number: int) -> None:
    assert signal_of(from_wait_status(-number)) == number


def test_codes_with_a_meaning_of_their_own_are_those_of_the_convention() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "SUCCESS": 0,
        "PIPELINE_ERROR": 1,
        "INVALID_DEFINITION": 2,
        "DEADLINE": 124,
        "CANNOT_START": 125,
    }
