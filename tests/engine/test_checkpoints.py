"""Checkpoints: rows kept between two stages, and runs that start from them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import ray.data

from pipelinerun.api.job import RunIdentity
from pipelinerun.api.status import Outcome, StageStatus
from pipelinerun.engine.checkpoint import Checkpoint, Marker
from tests.engine.pipeline import (
    Pipeline,
    Stages,
    counts,
    failure_of,
    numbers,
    source,
    states,
    work,
)

CODE = """
import os
import time
from pathlib import Path

import numpy as np

def double(row, mark=None, factor=2):
    if mark:
        Path(mark).touch()
    return {"id": row["id"], "n": factor * row["id"]}

class Double:
    def __init__(self, factor=2):
        self.factor = factor
    def __call__(self, row):
        return {"id": row["id"], "n": self.factor * row["id"]}

def wary(row, bad):
    if row["id"] == bad:
        raise ValueError("bad row")
    return row

def crash_once(row, mark):
    if row["id"] == 7 and not Path(mark).exists():
        Path(mark).touch()
        os._exit(9)
    return row

def shown(row, context):
    return {**row, "p": context.params["p"]}

def drop(row):
    return None

def strange(row):
    n = row["id"]
    yield {"id": n, "array": np.full((2, n % 3 + 1), n), "flat": n if n % 2 else None}
    yield {"id": n, "array": np.full((2, 2), n), "nested": {"a": [n, n + 1], "b": None}}
    yield {"id": n, "array": np.full((1, 2), n), "bytes": bytes([n]), "text": "x" * n}

class Thing:
    pass

def thing(row):
    return {"thing": Thing()}

def yielded(count):
    for n in range(count):
        yield {"id": n}

def listed(count):
    return [{"id": n} for n in range(count)]

def endless():
    n = 0
    while True:
        yield {"id": n}
        n += 1
        time.sleep(0.001)
"""
OTHER_RUN = RunIdentity(name="later", namespace="here", uid="v", params={"p": 1})
FIRST = RunIdentity(name="run", namespace="here", uid="u", params={"p": 1})
ROWS = 500


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint"


def kept_stage(path: Path, name: str = "double", **fields: Any) -> Any:
    return work(name, checkpoint=str(path), **fields)


def resumed(pipeline: Pipeline, stages: Stages, stage: str = "keep", **fields: Any) -> Outcome:
    """What a later run that starts at a stage comes to."""
    pipeline.kept.unlink(missing_ok=True)
    return pipeline(stages, fields.pop("code", CODE), run=OTHER_RUN, resume_from=stage, **fields)


def refusal(outcome: Outcome) -> str:
    """Why a run could not start."""
    failure = failure_of(outcome)
    assert (outcome.exit_code, failure.class_) == (2, "Config")
    return failure.message


def marker(path: Path) -> Marker:
    return Marker.model_validate_json((path / "_checkpoint.json").read_text())


def test_rows_are_kept_and_go_on(pipeline: Pipeline, path: Path) -> None:
    outcome = pipeline([numbers(ROWS), kept_stage(path), pipeline.keep], CODE)
    assert outcome.exit_code == 0, outcome.failure
    assert counts(outcome) == [(0, ROWS), (ROWS, ROWS), (ROWS, 0)]
    assert states(outcome) == ["Succeeded"] * 3
    assert [it.checkpointed for it in outcome.stages] == [None, True, None]
    assert sorted(row["n"] for row in pipeline.rows) == [*range(0, 2 * ROWS, 2)]
    table = pq.read_table(path / marker(path).folder)
    assert sorted(table["n"].to_pylist()) == [*range(0, 2 * ROWS, 2)]
    assert marker(path).rows == ROWS


@pytest.mark.parametrize("name", ["double", "Double"])
def test_a_later_run_starts_from_them(pipeline: Pipeline, path: Path, name: str) -> None:
    stages = [numbers(ROWS), kept_stage(path, name), pipeline.keep]
    pipeline(stages, CODE)
    before = sorted(row["n"] for row in pipeline.rows)
    seen: list[list[StageStatus]] = []
    outcome = resumed(pipeline, stages, on_progress=seen.append)
    assert outcome.exit_code == 0, outcome.failure
    assert sorted(row["n"] for row in pipeline.rows) == before
    assert states(outcome) == ["Skipped", "Skipped", "Succeeded"]
    assert counts(outcome) == [(0, 0), (0, ROWS), (ROWS, 0)]
    assert outcome.stages[1].checkpointed
    assert {stages[0].state for stages in seen} == {"Skipped"}


def test_stages_before_are_not_called(pipeline: Pipeline, path: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    stages = [numbers(5), kept_stage(path, config={"mark": str(mark)}), pipeline.keep]
    pipeline(stages, CODE)
    mark.unlink()
    assert resumed(pipeline, stages).exit_code == 0
    assert not mark.exists()


def test_any_of_several_checkpoints_may_be_the_start(pipeline: Pipeline, tmp_path: Path) -> None:
    first = {**numbers(ROWS), "checkpoint": str(tmp_path / "first")}
    second = {**kept_stage(tmp_path / "second"), "name": "second"}
    third = {**work("wary", config={"bad": -1}), "name": "third"}
    stages = [first, second, third, pipeline.keep]
    assert pipeline(stages, CODE).exit_code == 0
    expected = sorted(row["n"] for row in pipeline.rows)
    for stage, skipped in (("second", 1), ("third", 2)):
        outcome = resumed(pipeline, stages, stage)
        assert outcome.exit_code == 0, outcome.failure
        assert states(outcome) == ["Skipped"] * skipped + ["Succeeded"] * (4 - skipped)
        assert sorted(row["n"] for row in pipeline.rows) == expected
        assert counts(outcome)[-2:] == [(ROWS, ROWS), (ROWS, 0)]


@pytest.mark.parametrize("name", ["yielded", "listed"])
def test_the_rows_of_any_source_can_be_kept(pipeline: Pipeline, path: Path, name: str) -> None:
    stages = [{**source(name, count=ROWS), "checkpoint": str(path)}, pipeline.keep]
    for outcome in (pipeline(stages, CODE), resumed(pipeline, stages)):
        assert outcome.exit_code == 0, outcome.failure
        assert sorted(row["id"] for row in pipeline.rows) == [*range(ROWS)]
        assert counts(outcome) == [(0, ROWS), (ROWS, 0)]


def test_a_writer_of_ray_data_takes_the_rows_of_a_checkpoint(
    pipeline: Pipeline, path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    sink = {"name": "keep", "type": "sink", "callable": "ray.data:Dataset.write_parquet"}
    stages = [numbers(ROWS), kept_stage(path), {**sink, "config": {"path": str(out)}}]
    for outcome in (pipeline(stages, CODE), resumed(pipeline, stages)):
        assert outcome.exit_code == 0, outcome.failure
        assert counts(outcome)[1:] == [
            (ROWS if states(outcome)[0] == "Succeeded" else 0, ROWS),
            (ROWS, 0),
        ]
    assert pq.read_table(out).num_rows == 2 * ROWS


def test_rows_come_back_as_they_were(pipeline: Pipeline, path: Path) -> None:
    plain = [numbers(10), work("strange"), pipeline.keep]
    assert pipeline(plain, CODE).exit_code == 0
    expected = sorted(map(str, pipeline.rows))
    stages = [numbers(10), kept_stage(path, "strange"), pipeline.keep]
    pipeline.kept.unlink()
    for outcome in (pipeline(stages, CODE), resumed(pipeline, stages)):
        assert outcome.exit_code == 0, outcome.failure
        assert sorted(map(str, pipeline.rows)) == expected


def test_python_objects_cannot_be_kept(pipeline: Pipeline, path: Path) -> None:
    outcome = pipeline([numbers(5), kept_stage(path, "thing"), pipeline.keep], CODE)
    assert (outcome.exit_code, failure_of(outcome).stage) == (1, "work")
    assert "['thing']" in failure_of(outcome).message


def test_a_checkpoint_may_be_empty(pipeline: Pipeline, path: Path) -> None:
    stages = [numbers(5), kept_stage(path, "drop"), pipeline.keep]
    for outcome in (pipeline(stages, CODE), resumed(pipeline, stages)):
        assert outcome.exit_code == 0, outcome.failure
        assert pipeline.rows == []
        assert outcome.stages[1].checkpointed


OTHERS: Mapping[str, dict[str, Any]] = {
    "config": {"config": {"factor": 3}},
    "code": {"code": CODE + "\n# changed"},
    "a stage before": {"rows": ROWS + 1},
}


@pytest.mark.parametrize("what", OTHERS)
def test_the_checkpoint_of_another_definition_is_refused(
    pipeline: Pipeline, path: Path, what: str
) -> None:
    pipeline([numbers(ROWS), kept_stage(path), pipeline.keep], CODE)
    other = OTHERS[what]
    middle = kept_stage(path, config=other.get("config"))
    stages = [numbers(other.get("rows", ROWS)), middle, pipeline.keep]
    outcome = resumed(pipeline, stages, code=other.get("code", CODE))
    assert refusal(outcome).startswith(f"resumeFrom: checkpoint {path} is of another definition")
    assert pipeline.rows == []


def test_parameters_count_where_a_stage_sees_them(pipeline: Pipeline, path: Path) -> None:
    changed = OTHER_RUN.model_copy(update={"params": {"p": 2}})
    for name, code in (("shown", 2), ("double", 0)):
        stages = [numbers(5), kept_stage(path, name), pipeline.keep]
        pipeline(stages, CODE)
        assert pipeline(stages, CODE, run=changed, resume_from="keep").exit_code == code


def test_what_changes_no_row_does_not_count(pipeline: Pipeline, path: Path) -> None:
    pipeline([numbers(ROWS), kept_stage(path), pipeline.keep], CODE)
    middle = kept_stage(path, replicas={"max": 1}, resources={"cpus": 0.5})
    last = {**pipeline.keep, "name": "last", "callable": "mended:keep"}
    files = {"mended.py": "from sinks import keep"}
    stages = [numbers(ROWS), middle, last]
    assert resumed(pipeline, stages, "last", files=files).exit_code == 0


def test_no_checkpoint_is_refused(pipeline: Pipeline, path: Path) -> None:
    stages = [numbers(5), kept_stage(path), pipeline.keep]
    assert refusal(resumed(pipeline, stages)) == f"resumeFrom: checkpoint {path} is not there"


def test_a_stage_without_a_checkpoint_before_it_is_refused(pipeline: Pipeline, path: Path) -> None:
    stages = [numbers(5), kept_stage(path), pipeline.keep]
    text = "resumeFrom: stage 'read' before 'work' has no checkpoint"
    assert refusal(resumed(pipeline, stages, "work")) == text


def test_a_checkpoint_that_was_never_completed_is_refused(pipeline: Pipeline, path: Path) -> None:
    # Blocks of their own: by the time that the last one fails others are written.
    read = {**numbers(ROWS), "config": {"n": ROWS, "override_num_blocks": 10}}
    stages = [read, kept_stage(path, "wary", config={"bad": ROWS - 1}), pipeline.keep]
    outcome = pipeline(stages, CODE)
    assert (outcome.exit_code, failure_of(outcome).stage) == (1, "work")
    assert states(outcome)[1] == "Failed"
    assert outcome.stages[1].checkpointed is None
    (path / f"rows-{'0' * 32}").mkdir()
    text = f"resumeFrom: checkpoint {path} is not complete"
    assert refusal(resumed(pipeline, stages)) == text


def test_a_damaged_checkpoint_is_refused(pipeline: Pipeline, path: Path) -> None:
    stages = [numbers(5), kept_stage(path), pipeline.keep]
    pipeline(stages, CODE)
    next((path / marker(path).folder).iterdir()).unlink()
    assert "is damaged" in refusal(resumed(pipeline, stages))


def test_a_complete_checkpoint_stays_until_another_one_is(pipeline: Pipeline, path: Path) -> None:
    stages = [numbers(ROWS), kept_stage(path), pipeline.keep]
    pipeline(stages, CODE)
    complete = marker(path)
    for name in (f"rows-{'1' * 32}", "mine"):  # left over by a crash, and nobody's business
        (path / name).mkdir()
    failing = kept_stage(path, "wary", config={"bad": 3})
    assert pipeline([numbers(5), failing, pipeline.keep], CODE).exit_code == 1
    assert marker(path) == complete
    assert resumed(pipeline, stages).exit_code == 0
    assert pipeline([numbers(5), kept_stage(path), pipeline.keep], CODE).exit_code == 0
    names = {it.name for it in path.iterdir()}
    assert names == {"_checkpoint.json", "mine", marker(path).folder}


def test_a_further_attempt_starts_behind_its_own_checkpoint(pipeline: Pipeline, path: Path) -> None:
    late = {**work("wary", config={"bad": 3}), "name": "late"}
    stages = [numbers(ROWS), kept_stage(path), late, pipeline.keep]
    first = pipeline(stages, CODE, run=FIRST)
    # The sink may have begun by then, or not.
    assert states(first)[:3] == ["Succeeded", "Succeeded", "Failed"]
    assert first.stages[1].checkpointed
    late["config"] = {"bad": -1}
    again = FIRST.model_copy(update={"attempt": 2})
    second = pipeline(stages, CODE, run=again)
    assert states(second) == ["Skipped", "Skipped", "Succeeded", "Succeeded"]
    assert len({row["id"] for row in pipeline.rows}) == ROWS
    # Neither a first attempt nor that of another run does.
    for run in (FIRST, again.model_copy(update={"uid": "w"})):
        assert set(states(pipeline(stages, CODE, run=run))) == {"Succeeded"}


def test_a_drained_run_leaves_no_checkpoint(pipeline: Pipeline, path: Path) -> None:
    def look(seen: list[StageStatus]) -> None:
        if seen[0].rows_out >= 50:
            pipeline.draining.set()

    stages = [source("endless"), kept_stage(path), pipeline.keep]
    outcome = pipeline(stages, CODE, on_progress=look)
    assert outcome.exit_code == 0, outcome.failure
    ((_, given), (_, passed), (taken, _)) = counts(outcome)
    assert given == passed == taken == len(pipeline.rows)
    assert outcome.stages[1].checkpointed is None
    pipeline.draining.clear()
    assert refusal(resumed(pipeline, stages)).endswith("is not complete")


def test_a_process_that_crashes_leaves_no_row_twice(
    pipeline: Pipeline, path: Path, tmp_path: Path
) -> None:
    stage = kept_stage(path, "crash_once", config={"mark": str(tmp_path / "mark")})
    read = {**numbers(ROWS), "config": {"n": ROWS, "override_num_blocks": 4}}
    stages = [read, stage, pipeline.keep]
    assert pipeline(stages, CODE).exit_code == 0
    assert resumed(pipeline, stages).exit_code == 0
    assert sorted(row["id"] for row in pipeline.rows) == [*range(ROWS)]


def test_of_two_writers_at_once_one_fails_and_no_rows_mix(
    ray_session: None,  # noqa: ARG001 - it has to be there
    path: Path,
) -> None:
    def checkpoint() -> Checkpoint:
        return Checkpoint(str(path), stage="work", digest="d", options={})

    slow, quick = checkpoint(), checkpoint()
    half = slow.write(ray.data.range(10), one_task=False)
    whole = quick.write(ray.data.range(20), one_task=False)
    quick.commit(whole, rows=20, run=FIRST)
    with pytest.raises(FileNotFoundError):
        slow.commit(half, rows=10, run=OTHER_RUN)
    complete = checkpoint().complete()
    assert sorted(row["id"] for row in quick.rows(complete).take_all()) == [*range(20)]


def test_a_path_of_an_unknown_kind_is_refused(pipeline: Pipeline) -> None:
    outcome = pipeline([numbers(5), work("double", checkpoint="tape://one"), pipeline.keep], CODE)
    assert refusal(outcome).startswith("pipeline.stages[1].checkpoint: ")


def test_a_folder_that_cannot_be_written_is_the_stages_failure(
    pipeline: Pipeline, path: Path
) -> None:
    path.write_text("a file")
    outcome = pipeline([numbers(5), kept_stage(path), pipeline.keep], CODE, run=FIRST)
    assert (outcome.exit_code, failure_of(outcome).stage) == (1, "work")
    assert str(path) in failure_of(outcome).message
