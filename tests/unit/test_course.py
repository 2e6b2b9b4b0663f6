"""What is shown of the stages, put together from what they and the driver know."""

import pytest

from pipelinerun.api.status import StageState, StageStatus
from pipelinerun.engine.course import Course


def stage(name: str, state: StageState, rows_in: int = 0, rows_out: int = 0) -> StageStatus:
    return StageStatus(name=name, state=state, rows_in=rows_in, rows_out=rows_out)


def shown(stages: list[StageStatus]) -> list[tuple[StageState, int, int]]:
    return [(it.state, it.rows_in, it.rows_out) for it in stages]


REPORTED = [
    stage("read", "Pending"),
    stage("clean", "Running", 10, 8),
    stage("write", "Pending"),
]


def test_a_reader_and_a_writer_of_ray_data_are_counted_by_their_neighbours() -> None:
    assert shown(Course(counted={"clean"}).running(REPORTED)) == [
        ("Running", 0, 10),
        ("Running", 10, 8),
        ("Running", 8, 0),
    ]


def test_who_is_counted_is_not_counted_by_others() -> None:
    course = Course(counted={"read", "clean", "write"})
    assert course.running(REPORTED) == REPORTED


def test_all_up_to_a_complete_checkpoint_has_succeeded() -> None:
    course = Course(counted={"read", "clean", "write"}, kept={"clean": 8})
    assert shown(course.running(REPORTED))[:2] == [("Succeeded", 0, 0), ("Succeeded", 10, 8)]
    assert [it.checkpointed for it in course.running(REPORTED)] == [None, True, None]
    assert [it.state for it in course.failed(REPORTED, "write")] == [
        *("Succeeded", "Succeeded", "Failed"),
    ]


def test_stages_whose_rows_come_from_a_checkpoint_are_skipped() -> None:
    course = Course(counted={"write"}, skipped={"read", "clean"}, kept={"clean": 8})
    reported = [stage("read", "Pending"), stage("clean", "Pending"), stage("write", "Running", 3)]
    skipped = [("Skipped", 0, 0), ("Skipped", 0, 8)]
    assert shown(course.running(reported)) == [*skipped, ("Running", 3, 0)]
    assert shown(course.succeeded(reported)) == [*skipped, ("Succeeded", 3, 0)]
    assert shown(course.failed(reported, None)) == [*skipped, ("Stopped", 3, 0)]


@pytest.mark.parametrize("failed", ["read", "clean", "write", None])
def test_what_ran_when_another_stage_failed_was_stopped(failed: str | None) -> None:
    states = {it.name: it.state for it in Course(counted={"clean"}).failed(REPORTED, failed)}
    assert {name for name, state in states.items() if state == "Failed"} == {failed} - {None}
    assert {state for name, state in states.items() if name != failed} == {"Stopped"}


def test_before_anything_was_reported_nothing_is_shown() -> None:
    assert Course().running([]) == []
