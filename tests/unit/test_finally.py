"""Finally stages in definitions, jobs, pods and what the command line shows."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from pipelinerun.api.delivery import unpack
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.prepare import prepare
from pipelinerun.api.spec import PipelineRunSpec
from pipelinerun.api.stage import FinallyStage
from pipelinerun.api.status import Failure, Outcome, StageStatus
from pipelinerun.api.violations import InvalidDefinitionError
from pipelinerun.cli.render import summary
from pipelinerun.cli.status import document, ended, finally_ended, verdict_of
from pipelinerun.controller.pods.pod import read_pod
from pipelinerun.controller.pods.template import pod_manifest, pod_name
from pipelinerun.engine.loading import wrong_code
from tests.support.definitions import Document, definition, line
from tests.support.examples import job

RUN = RunIdentity(name="run", namespace="team", uid="1", attempt=-1)
TIMES = [datetime(2026, 1, 31, 12, 0, second, tzinfo=UTC) for second in (0, 30, 40)]


def prepared(*stages: Document, **fields: Any) -> PipelineJob:
    pipeline = {"stages": line(2), "finally": [*stages]}
    return prepare(PipelineRunSpec.model_validate({"pipeline": pipeline, **fields}), RUN)


def test_parameters_are_filled_in() -> None:
    notify = {"name": "notify", "callable": "steps:notify", "config": {"to": "$(params.to)"}}
    (stage,) = prepared(notify, params=[{"name": "to", "value": "me"}]).definition.finally_
    assert stage == FinallyStage(name="notify", callable="steps:notify", config={"to": "me"})


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        ([{"name": "s1", "callable": "a:b"}], ["pipeline.finally[0].name: 's1' is used twice"]),
        (
            [{"name": "a", "callable": "a:b"}, {"name": "a", "actor": "a:B"}],
            ["pipeline.finally[1].name: 'a' is used twice"],
        ),
        (
            [{"name": "a", "callable": "a:b", "actor": "a:B"}],
            ["pipeline.finally[0].callable: exactly one of actor and callable is needed"],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_field(stages: list[Document], told: list[str]) -> None:
    with pytest.raises(InvalidDefinitionError) as caught:
        prepared(*stages)
    assert [str(it) for it in caught.value.violations] == told


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        ({"callable": "json:nothing"}, "finally[0].callable: 'json' has no 'nothing'"),
        ({"callable": "json:JSONDecoder"}, "finally[0].callable: 'json:JSONDecoder' is a class"),
        ({"actor": "json:JSONDecoder"}, "finally[0].actor: 'json:JSONDecoder' has no __call__"),
        ({"callable": "json:dumps"}, "finally[0].config: does not fit json:dumps"),
        ({"callable": "json:dumps", "config": {"obj": 1}}, None),
    ],
)
def test_code_is_checked_without_calling_it(stage: Document, told: str | None) -> None:
    code = {"callable": "builtins:print"}
    stages = [it | code for it in line(2)]
    last = FinallyStage.model_validate({"name": "last", **stage})
    wrong = wrong_code(definition(stages).model_copy(update={"finally_": [last]}))
    assert [str(it) for it in wrong if str(it).startswith("finally")] == [
        str(it) for it in wrong if told and str(it).startswith(told)
    ]
    assert bool(wrong) is bool(told)


def sent() -> PipelineJob:
    verdict = verdict_of(Outcome(exit_code=0, elapsed_seconds=1))
    identity = job("hello").run.model_copy(update={"attempt": -2})
    return job("hello").model_copy(update={"run": identity, "verdict": verdict})


def test_their_pod_has_a_name_and_a_label_of_its_own() -> None:
    pod = pod_manifest(sent(), image="worker:1", templates=[], grace=30)
    metadata = pod["metadata"]
    assert metadata["name"].startswith("hello-finally-")
    assert metadata["name"] == pod_name("hello", "hello", -2) != pod_name("hello", "hello", -1)
    assert metadata["labels"]["pipelinerun.dev/finally"] == "2"
    assert "pipelinerun.dev/attempt" not in metadata["labels"]
    assert unpack(metadata["annotations"]["pipelinerun.dev/job"]) == sent()
    times = {"creationTimestamp": "2026-01-31T12:00:00Z", "resourceVersion": "5", "uid": "p"}
    read = read_pod({**pod, "metadata": {**metadata, **times}})
    assert read is not None
    assert read.attempt == ("hello", -2)


def test_the_command_line_shows_them_after_the_pipeline() -> None:
    failure = Failure(class_="User", stage="notify", exception="KeyError", message="gone")
    stages = [
        StageStatus(name="clean", state="Succeeded", seconds=0.25),
        StageStatus(name="notify", state="Failed"),
    ]
    told = Outcome(exit_code=1, elapsed_seconds=0.5, failure=failure, stages=stages)
    last = finally_ended(told, started=TIMES[1], now=TIMES[2])
    outcome = Outcome(exit_code=0, elapsed_seconds=3)
    status = ended(["read"], outcome, started=TIMES[0], now=TIMES[2], last=last)
    shown = document(status)
    assert (shown["phase"], shown["exitCode"]) == ("Succeeded", 0)
    assert shown["attempts"][0]["completionTime"] == "2026-01-31T12:00:30Z"
    assert shown["completionTime"] == "2026-01-31T12:00:40Z"
    assert shown["finally"]["startTime"] == "2026-01-31T12:00:30Z"
    assert shown["finally"]["stages"][0] == {"name": "clean", "state": "Succeeded", "seconds": 0.25}
    file = io.StringIO()
    Console(file=file, width=80).print(summary(status), soft_wrap=True)
    text = file.getvalue()
    assert text.index("exit code 0") < text.index("FINALLY") < text.index("Finally stages failed")
    assert "notify    Failed" in text
    assert "Message    gone" in text
