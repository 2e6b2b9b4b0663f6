"""What is shown of the stages, put together from what they and the driver know."""

import pytest

from pipelinerun.api.status import StageState, StageStatus
from pipelinerun.api.topology import Topology, topology_of
from pipelinerun.engine.course import Course
from tests.support import definitions


def stage(name: str, state: StageState, rows_in: int = 0, rows_out: int = 0) -> StageStatus:
    return StageStatus(name=name, state=state, rows_in=rows_in, rows_out=rows_out)


def topology(*edges: str) -> Topology:
    """Of edges such as ``a>b``; sources are named read…, sinks write…."""
    names = dict.fromkeys(name for edge in edges for name in edge.split(">"))
    kinds = {"read": "source", "writ": "sink"}
    stages = [definitions.stage(name, kinds.get(name[:4], "stage")) for name in names]
    return topology_of(definitions.definition(stages, edges))


LINE = topology("read>clean", "clean>write")


def shown(stages: list[StageStatus]) -> list[tuple[StageState, int, int]]:
    return [(it.state, it.rows_in, it.rows_out) for it in stages]


REPORTED = [
    stage("read", "Pending"),
    stage("clean", "Running", 10, 8),
    stage("write", "Pending"),
]


def test_a_reader_and_a_writer_of_ray_data_are_counted_by_their_neighbours() -> None:
    assert shown(Course(LINE, counted={"clean"}).running(REPORTED)) == [
        ("Running", 0, 10),
        ("Running", 10, 8),
        ("Running", 8, 0),
    ]


def test_who_is_counted_is_not_counted_by_others() -> None:
    course = Course(LINE, counted={"read", "clean", "write"})
    assert course.running(REPORTED) == REPORTED


def test_all_up_to_a_complete_checkpoint_has_succeeded() -> None:
    course = Course(LINE, counted={"read", "clean", "write"}, kept={"clean": 8})
    assert shown(course.running(REPORTED))[:2] == [("Succeeded", 0, 0), ("Succeeded", 10, 8)]
    assert [it.checkpointed for it in course.running(REPORTED)] == [None, True, None]
    assert [it.state for it in course.failed(REPORTED, "write")] == [
        *("Succeeded", "Succeeded", "Failed"),
    ]


def test_stages_whose_rows_come_from_a_checkpoint_are_skipped() -> None:
    course = Course(LINE, counted={"write"}, skipped={"read", "clean"}, kept={"clean": 8})
    reported = [stage("read", "Pending"), stage("clean", "Pending"), stage("write", "Running", 3)]
    skipped = [("Skipped", 0, 0), ("Skipped", 0, 8)]
    assert shown(course.running(reported)) == [*skipped, ("Running", 3, 0)]
    assert shown(course.succeeded(reported)) == [*skipped, ("Succeeded", 3, 0)]
    assert shown(course.failed(reported, None)) == [*skipped, ("Stopped", 3, 0)]


@pytest.mark.parametrize("failed", ["read", "clean", "write", None])
def test_what_ran_when_another_stage_failed_was_stopped(failed: str | None) -> None:
    states = {it.name: it.state for it in Course(LINE, counted={"clean"}).failed(REPORTED, failed)}
    assert {name for name, state in states.items() if state == "Failed"} == {failed} - {None}
    assert {state for name, state in states.items() if name != failed} == {"Stopped"}


def test_before_anything_was_reported_nothing_is_shown() -> None:
    assert Course(LINE).running([]) == []


def test_a_writer_is_counted_by_all_that_feed_it() -> None:
    joined = topology("read>clean", "read2>mend", "clean>write", "mend>write")
    reported = [
        stage("read", "Pending"),
        stage("clean", "Pending"),
        stage("read2", "Running", 0, 5),
        stage("mend", "Running", 5, 4),
        stage("write", "Pending"),
    ]
    course = Course(joined, counted={"clean", "read2", "mend"})
    assert shown(course.running(reported))[-1] == ("Running", 4, 0)


def test_a_reader_beside_another_source_is_not_counted_by_the_stage_that_takes_both() -> None:
    joined = topology("read>clean", "read2>clean", "clean>write")
    reported = [
        stage("read", "Pending"),
        stage("read2", "Running", 0, 5),
        stage("clean", "Running", 5, 4),
        stage("write", "Pending"),
    ]
    course = Course(joined, counted={"read2", "clean"})
    assert shown(course.running(reported))[0] == ("Pending", 0, 0)


def test_all_upstream_of_a_complete_checkpoint_has_succeeded_and_nothing_else() -> None:
    joined = topology("read>clean", "clean>write", "read2>mend", "mend>write")
    course = Course(joined, counted={*joined.stages}, kept={"clean": 8})
    reported = [stage(name, "Running") for name in joined.stages]
    done = {it.name for it in course.running(reported) if it.state == "Succeeded"}
    assert done == {"read", "clean"}
