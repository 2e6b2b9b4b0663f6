"""Which checkpoints may be declared, and where a run may start."""

from typing import Any

import pytest

from pipelinerun.api.job import RunIdentity
from pipelinerun.api.prepare import prepare
from pipelinerun.api.spec import PipelineRunSpec
from pipelinerun.api.violations import InvalidDefinitionError
from tests.support.definitions import Document, edges, stage

LINE = [
    stage("read", "source", checkpoint="/rows/read"),
    stage("clean", checkpoint="/rows/clean"),
    stage("unused", enabled=False, checkpoint="/rows/clean"),
    stage("enrich"),
    stage("write", "sink"),
]


def wrong(
    start: str | None = None,
    stages: list[Document] = LINE,
    joined: tuple[str, ...] = (),
    **spec: Any,
) -> list[str]:
    document = {"pipeline": {"stages": stages, "edges": edges(*joined)}} | spec
    if start is not None:
        document["resumeFrom"] = start
    try:
        prepare(PipelineRunSpec.model_validate(document), RunIdentity())
    except InvalidDefinitionError as error:
        return [str(violation) for violation in error.violations]
    return []


@pytest.mark.parametrize("start", [None, "clean", "enrich"])
def test_a_run_may_start_behind_a_checkpoint(start: str | None) -> None:
    assert wrong(start) == []


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("read", "'read' is the first stage; leave it out to start there"),
        ("write", "stage 'enrich' before 'write' has no checkpoint"),
        ("unused", "no enabled stage is named 'unused'; there are read, clean, enrich, write"),
        ("enrihc", "no enabled stage is named 'enrihc'; did you mean 'enrich'?"),
    ],
)
def test_a_run_may_start_nowhere_else(start: str, message: str) -> None:
    assert wrong(start) == [f"resumeFrom: {message}"]


def kept(name: str, kind: str = "stage") -> Document:
    return stage(name, kind, checkpoint=f"/rows/{name}")


READ, LEFT, RIGHT = stage("read", "source"), stage("left"), stage("right")
WRITE = stage("write", "sink")
DIAMOND = ("read>left", "read>right", "left>write", "right>write")


@pytest.mark.parametrize(
    ("stages", "joined"),
    [
        ([kept("read", "source"), LEFT, RIGHT, WRITE], DIAMOND),
        ([kept("read", "source"), kept("left"), kept("right"), WRITE], DIAMOND),
        (
            [READ, LEFT, RIGHT, kept("join"), WRITE],
            ("read>left", "read>right", "left>join", "right>join", "join>write"),
        ),
        ([kept("read", "source"), kept("other", "source"), WRITE], ("read>write", "other>write")),
    ],
)
def test_a_checkpoint_stands_where_all_rows_upstream_reach_it(
    stages: list[Document], joined: tuple[str, ...]
) -> None:
    assert wrong(stages=stages, joined=joined) == []


def test_a_checkpoint_cannot_stand_in_one_of_several_branches() -> None:
    text = (
        "pipeline.stages[1].checkpoint: rows of 'read' go past it, to 'right';"
        " all that comes of 'read' has to reach it, or 'read' to have a checkpoint as well"
    )
    assert wrong(stages=[READ, kept("left"), RIGHT, WRITE], joined=DIAMOND) == [text]


def test_a_join_can_be_started_at_if_all_stages_before_it_have_a_checkpoint() -> None:
    stages = [kept("read", "source"), kept("left"), kept("right"), WRITE]
    assert wrong("write", stages, DIAMOND) == []
    stages = [kept("read", "source"), kept("left"), RIGHT, WRITE]
    text = "resumeFrom: stage 'right' before 'write' has no checkpoint"
    assert wrong("write", stages, DIAMOND) == [text]


def test_a_source_is_no_place_to_start_at() -> None:
    stages, joined = [READ, stage("other", "source"), WRITE], ("read>write", "other>write")
    text = "resumeFrom: 'other' is a source; leave it out to start there"
    assert wrong("other", stages, joined) == [text]


def test_what_is_wrong_with_the_line_is_told_first() -> None:
    stages = [*LINE[:2], stage("clean"), LINE[-1]]
    assert wrong("write", stages) == ["pipeline.stages[2].name: 'clean' is used twice"]


def test_a_sink_has_no_checkpoint() -> None:
    stages = [LINE[0], stage("write", "sink", checkpoint="/rows/write")]
    text = "pipeline.stages[1].checkpoint: a sink puts out no rows that could be kept"
    assert wrong(None, stages) == [text]


def test_two_stages_do_not_share_a_checkpoint() -> None:
    stages = [stage("read", "source", checkpoint="$(params.rows)/"), *LINE[1:]]
    param = [{"name": "rows", "value": "/rows/clean"}]
    text = "pipeline.stages[1].checkpoint: is the checkpoint of 'read' already"
    assert wrong(None, stages, params=param) == [text]
    assert wrong(None, stages, params=[{"name": "rows", "value": "/rows"}]) == []
