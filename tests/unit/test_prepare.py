"""From a spec to a job."""

from typing import Any

import pytest

from pipelinerun.api.code_files import MAX_CODE_BYTES
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.prepare import check, prepare
from pipelinerun.api.spec import PipelineRunSpec
from pipelinerun.api.violations import InvalidDefinitionError
from tests.support.definitions import definition, edges, line, stage

RUN = RunIdentity(name="run", namespace="team", uid="1", attempt=2)


def spec(**fields: Any) -> PipelineRunSpec:
    return PipelineRunSpec.model_validate({"pipeline": {"stages": line(3)}} | fields)


def refused(**fields: Any) -> list[str]:
    with pytest.raises(InvalidDefinitionError) as caught:
        prepare(spec(**fields), RUN)
    return [str(violation) for violation in caught.value.violations]


def test_a_job_holds_the_filled_in_definition_the_code_and_who_runs() -> None:
    stages = line(2)
    stages[0]["config"] = {"rows": "$(params.rows)"}
    params = [{"name": "rows", "type": "integer"}, {"name": "size", "default": "1"}]
    job = prepare(
        spec(
            pipeline={"stages": stages, "params": params},
            params=[{"name": "rows", "value": "7"}],
            code={"files": {"text/clean.py": "pass"}},
        ),
        RUN,
    )
    assert job.definition.stages[0].config == {"rows": 7}
    assert dict(job.code.files) == {"text/clean.py": "pass"}
    assert job.run == RUN.model_copy(update={"params": {"rows": 7, "size": "1"}})


@pytest.mark.parametrize(
    "value",
    [1, 1.5, 1e300, True, None, "é\n", [1, [2]], {"a": {"b": None}}, float("inf"), 2**70],
)
def test_a_job_survives_the_way_to_another_process(value: object) -> None:
    stages = line(3)
    stages[1] |= {"config": {"value": value}, "per": "Batch", "batchSize": 5}
    pipeline = {"stages": stages, "edges": edges("s0>s1", "s1>s2")}
    job = prepare(spec(pipeline=pipeline, code={"files": {"a.py": "x = 'ü'"}}), RUN)
    assert PipelineJob.model_validate_json(job.model_dump_json(by_alias=True)) == job


def test_all_violations_are_reported_at_once() -> None:
    no_replicas = "a source has no replicas; readers take their own arguments in config"
    stages = [
        stage("in", "source", replicas={"max": 2}),
        stage("work", actor="a:B", callable="a:b", batchSize=3, replicas={"min": 3, "max": 2}),
        stage("work"),
        stage("out", "sink"),
    ]
    assert refused(
        pipeline={"stages": stages, "edges": edges("in>in", "in>away")},
        params=[{"name": "a", "value": "1"}, {"name": "a", "value": "2"}],
        code={"files": {"../steps.py": "", "notes.txt": ""}},
    ) == [
        f"pipeline.stages[0].replicas: {no_replicas}",
        "pipeline.stages[1].callable: exactly one of actor and callable is needed",
        "pipeline.stages[1].batchSize: only goes with per: Batch",
        "pipeline.stages[1].replicas.min: must not exceed max",
        "pipeline.edges[0].to: an edge must join two different stages",
        "params[1].name: 'a' is given twice",
        "pipeline.stages[2].name: 'work' is used twice",
        "pipeline.edges[1].to: no stage is named 'away'",
        "code.files[../steps.py]: must be the relative path of a Python module, such as steps.py",
        "code.files[notes.txt]: must be the relative path of a Python module, such as steps.py",
    ]


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ([stage("a"), stage("out", "sink")], "pipeline.stages: no enabled stage is a source"),
        ([stage("in", "source", actor=None)], "pipeline.stages: no enabled stage is a sink"),
        (
            [stage("in", "source", per="Row"), stage("out", "sink")],
            "pipeline.stages[0].per: a source is called once, not per row or batch",
        ),
        (
            [stage("in", "source"), stage("out", "sink", per="Row", batchFormat="pandas")],
            "pipeline.stages[1].batchFormat: only goes with per: Batch",
        ),
        (
            [stage("in", "source"), {"name": "out", "type": "sink"}],
            "pipeline.stages[1].callable: exactly one of actor and callable is needed",
        ),
    ],
)
def test_each_rule_is_checked(stages: list[dict[str, Any]], expected: str) -> None:
    assert expected in refused(pipeline={"stages": stages})


@pytest.mark.parametrize(
    "path",
    [
        *("steps", "steps.pyc", "/steps.py", "../steps.py", "a//b.py", "a/../b.py", "1.py"),
        *("a-b.py", ".py", "a b.py", "steps.py\n", "C:\\steps.py", "a\x00.py"),
    ],
)
def test_code_files_stay_inside_their_folder(path: str) -> None:
    (only,) = refused(code={"files": {path: ""}})
    assert only.startswith(f"code.files[{path}]: must be the relative path")


def test_code_is_limited_in_bytes_of_all_files_together() -> None:
    half = "é" * (MAX_CODE_BYTES // 4)
    assert prepare(spec(code={"files": {"a.py": half, "b.py": half}}), RUN)
    (only,) = refused(code={"files": {"a.py": half, "b.py": half + "x"}})
    assert only.startswith(f"code.files: {MAX_CODE_BYTES + 1} bytes are more than {MAX_CODE_BYTES}")


def test_a_definition_is_checked_by_itself() -> None:
    check(definition(line(4)))
    with pytest.raises(InvalidDefinitionError, match=r"^stages\[1\].batchSize: only goes with"):
        check(definition([stage("in", "source"), stage("out", "sink", batchSize=1)]))
