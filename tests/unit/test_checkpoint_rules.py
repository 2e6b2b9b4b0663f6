"""Which checkpoints may be declared, and where a run may start."""

from typing import Any

import pytest

from pipelinerun.api.job import RunIdentity
from pipelinerun.api.prepare import prepare
from pipelinerun.api.spec import PipelineRunSpec
from pipelinerun.api.violations import InvalidDefinitionError
from tests.support.definitions import Document, stage

LINE = [
    stage("read", "source", checkpoint="/rows/read"),
    stage("clean", checkpoint="/rows/clean"),
    stage("unused", enabled=False, checkpoint="/rows/clean"),
    stage("enrich"),
    stage("write", "sink"),
]


def wrong(start: str | None = None, stages: list[Document] = LINE, **spec: Any) -> list[str]:
    document = {"pipeline": {"stages": stages}} | spec
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
