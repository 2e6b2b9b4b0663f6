"""What the API server refuses by itself, and in which words."""

import copy
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import yaml

from pipelinerun.api.code_files import MAX_CODE_BYTES
from pipelinerun.api.job import RunIdentity
from pipelinerun.api.load import load_manifest
from pipelinerun.api.prepare import prepare
from pipelinerun.api.spec import PipelineRunSpec
from pipelinerun.api.violations import InvalidDefinitionError
from tests.cluster.controlplane import ControlPlane
from tests.support.definitions import PLAIN_VALUES
from tests.support.runs import SINK, SOURCE, Document, manifest, stage

NAMESPACE = "admission"
"""Of runs that nobody carries out."""

Change = Callable[[Document], None]
REPOSITORY = {"url": "https://a.example/b.git"}


def set_spec(**fields: Any) -> Change:
    return lambda run: run["spec"].update(fields)


def set_stage(index: int, **fields: Any) -> Change:
    return lambda run: run["spec"]["pipeline"]["stages"][index].update(fields)


def set_stages(*stages: Document) -> Change:
    return lambda run: run["spec"]["pipeline"].update(stages=list(stages))


def set_edges(*edges: tuple[str, str]) -> Change:
    written = [{"from": before, "to": after} for before, after in edges]
    return lambda run: run["spec"]["pipeline"].update(edges=written)


def start_at(stage: str) -> Change:
    def change(run: Document) -> None:
        set_stage(1, checkpoint="/rows")(run)
        set_spec(resumeFrom=stage)(run)

    return change


def set_finally(*stages: Document) -> Change:
    return lambda run: run["spec"]["pipeline"].update({"finally": list(stages)})


def drop_pipeline(run: Document) -> None:
    del run["spec"]["pipeline"]


def many(count: int) -> list[Document]:
    middle = [stage(f"s{n}", "square") for n in range(count - 2)]
    return [SOURCE, *middle, SINK]


PDF: Document = {"task": "extract", "properties": {"document_type": "regex:^pdf$", "pages": 5}}
"""Tasks that a stage may be for."""
INVALID: dict[str, tuple[Change, str]] = {
    "unknown field of the spec": (set_spec(colour="red"), "spec.colour"),
    "unknown field of a stage": (
        set_stage(1, colour="red"),
        "spec.pipeline.stages[1].colour",
    ),
    "unknown mode": (set_spec(mode="Sideways"), "spec.mode"),
    "a cluster that is there and one to be made": (
        set_spec(ray={"cluster": "large", "clusterTemplate": {"spec": {"headGroupSpec": {}}}}),
        "spec.ray.clusterTemplate",
    ),
    "a template of nothing": (
        set_spec(ray={"clusterTemplate": {}}),
        "spec.ray.clusterTemplate.spec",
    ),
    "no pipeline": (drop_pipeline, "spec.pipeline"),
    "wrong type": (set_stage(1, name=5), "spec.pipeline.stages[1].name"),
    "a name with a blank": (set_stage(1, name="a b"), "spec.pipeline.stages[1].name"),
    "not a module path": (set_stage(1, callable="steps"), "spec.pipeline.stages[1].callable"),
    "actor and callable": (set_stage(1, actor="a:B"), "spec.pipeline.stages[1].callable"),
    "neither actor nor callable": (
        lambda run: run["spec"]["pipeline"]["stages"][1].pop("callable"),
        "spec.pipeline.stages[1].callable",
    ),
    "a stage twice": (set_stages(SOURCE, SOURCE, SINK), "spec.pipeline.stages[1]"),
    "batchSize of a row stage": (
        set_stage(1, batchSize=5),
        "spec.pipeline.stages[1].batchSize",
    ),
    "batchFormat of a row stage": (
        set_stage(1, batchFormat="pandas"),
        "spec.pipeline.stages[1].batchFormat",
    ),
    "per of a source": (set_stage(0, per="Batch"), "spec.pipeline.stages[0].per"),
    "replicas of a source": (
        set_stage(0, replicas={"max": 2}),
        "spec.pipeline.stages[0].replicas",
    ),
    "min above max": (
        set_stage(1, replicas={"min": 3, "max": 2}),
        "spec.pipeline.stages[1].replicas.min",
    ),
    "no replicas": (
        set_stage(1, replicas={"min": 0}),
        "spec.pipeline.stages[1].replicas.min",
    ),
    "max said twice": (
        set_stage(1, replicas={"max": 3, "maxBy": {"cpuPercentage": {"share": 0.5}}}),
        "spec.pipeline.stages[1].replicas.maxBy",
    ),
    "a strategy without a way": (
        set_stage(1, replicas={"staticBy": {}}),
        "spec.pipeline.stages[1].replicas.staticBy",
    ),
    "a strategy with two ways": (
        set_stage(
            1,
            replicas={
                "minBy": {
                    "cpuPercentage": {"share": 0.5},
                    "memoryThresholding": {"memoryPerReplica": "1Gi"},
                }
            },
        ),
        "spec.pipeline.stages[1].replicas.minBy",
    ),
    "one and a half GPUs": (
        set_stage(1, resources={"gpus": 1.5}),
        "spec.pipeline.stages[1].resources.gpus",
    ),
    "not a quantity": (
        set_stage(1, resources={"memory": "much"}),
        "spec.pipeline.stages[1].resources.memory",
    ),
    "phase beyond the last": (set_stage(1, phase=8), "spec.pipeline.stages[1].phase"),
    "no source": (set_stages(stage("a", "square"), SINK), "spec.pipeline.stages"),
    "no sink": (set_stages(SOURCE, stage("a", "square")), "spec.pipeline.stages"),
    "an edge from nowhere": (set_edges(("nowhere", "end")), "spec.pipeline.edges"),
    "an edge to nowhere": (set_edges(("numbers", "nowhere")), "spec.pipeline.edges"),
    "an edge to itself": (set_edges(("middle", "middle")), "spec.pipeline.edges[0].to"),
    "an edge twice": (
        set_edges(("numbers", "middle"), ("middle", "end"), ("middle", "end")),
        "spec.pipeline.edges[2]",
    ),
    "a parameter declared twice": (
        lambda run: run["spec"]["pipeline"].update(params=[{"name": "a"}, {"name": "a"}]),
        "spec.pipeline.params[1]",
    ),
    "a parameter given twice": (
        set_spec(params=[{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]),
        "spec.params[1]",
    ),
    "a parameter that is no text": (
        set_spec(params=[{"name": "a", "value": 1}]),
        "spec.params[0].value",
    ),
    "a parameter of an unknown type": (
        lambda run: run["spec"]["pipeline"].update(params=[{"name": "a", "type": "date"}]),
        "spec.pipeline.params[0].type",
    ),
    "a finally stage without code": (
        set_finally({"name": "notify"}),
        "spec.pipeline.finally[0].callable",
    ),
    "a finally stage with a name that is taken": (
        set_finally({"name": "end", "callable": "steps:drop"}),
        "spec.pipeline.finally",
    ),
    "a finally stage twice": (
        set_finally(*[{"name": "notify", "callable": "steps:drop"}] * 2),
        "spec.pipeline.finally[1]",
    ),
    "a finally stage per row": (
        set_finally({"name": "notify", "callable": "steps:drop", "per": "Row"}),
        "spec.pipeline.finally[0].per",
    ),
    "too many finally stages": (
        set_finally(*({"name": f"n{n}", "callable": "steps:drop"} for n in range(11))),
        "spec.pipeline.finally",
    ),
    "no time for finally stages": (
        set_spec(finallyDeadlineSeconds=0),
        "spec.finallyDeadlineSeconds",
    ),
    "no stages": (set_stages(), "spec.pipeline.stages"),
    "a name that is too long": (
        set_stage(1, name="a" * 64),
        "spec.pipeline.stages[1].name",
    ),
    "a negative quantity": (
        set_stage(1, resources={"memory": "-1Gi"}),
        "spec.pipeline.stages[1].resources.memory",
    ),
    "a share of a row": (
        set_stage(1, per="Batch", batchSize=0.5),
        "spec.pipeline.stages[1].batchSize",
    ),
    "too many files": (
        set_spec(code={"files": {f"m{n}.py": "" for n in range(65)}}),
        "spec.code.files",
    ),
    "a back-off that shrinks": (
        set_spec(retries={"backoff": {"factor": 0.5}}),
        "spec.retries.backoff.factor",
    ),
    "too many stages": (set_stages(*many(501)), "spec.pipeline.stages"),
    "a threshold above one": (
        lambda run: run["spec"]["pipeline"].update(runtime={"dynamicMemoryThreshold": 2}),
        "spec.pipeline.runtime.dynamicMemoryThreshold",
    ),
    "an unknown shutdown": (set_spec(shutdown="Now"), "spec.shutdown"),
    "no time at all": (set_spec(activeDeadlineSeconds=0), "spec.activeDeadlineSeconds"),
    "time before the end": (set_spec(ttlSecondsAfterFinished=-1), "spec.ttlSecondsAfterFinished"),
    "more time than there is": (
        set_spec(activeDeadlineSeconds=2**31),
        "spec.activeDeadlineSeconds",
    ),
    "a share of a second": (set_spec(pendingDeadlineSeconds=0.5), "spec.pendingDeadlineSeconds"),
    "a rule without a criterion": (
        set_spec(retries={"rules": [{"action": "Retry"}]}),
        "spec.retries.rules[0]",
    ),
    "a rule without an action": (
        set_spec(retries={"rules": [{"exitCodes": [1]}]}),
        "spec.retries.rules[0].action",
    ),
    "a rule about nothing": (
        set_spec(retries={"rules": [{"stages": [], "action": "Fail"}]}),
        "spec.retries.rules[0].stages",
    ),
    "a rule about success": (
        set_spec(retries={"rules": [{"exitCodes": [0], "action": "Fail"}]}),
        "spec.retries.rules[0].exitCodes[0]",
    ),
    "too many rules": (
        set_spec(retries={"rules": [{"exitCodes": [1], "action": "Fail"}] * 21}),
        "spec.retries.rules",
    ),
    "too much jitter": (
        set_spec(retries={"backoff": {"jitter": 1.5}}),
        "spec.retries.backoff.jitter",
    ),
    "a negative retry limit": (set_spec(retries={"limit": -1}), "spec.retries.limit"),
    "a checkpoint of a sink": (
        set_stage(2, checkpoint="/rows"),
        "spec.pipeline.stages[2].checkpoint",
    ),
    "a checkpoint nowhere": (set_stage(1, checkpoint=""), "spec.pipeline.stages[1].checkpoint"),
    "credentials in the operator's pod": (
        set_spec(code={"git": {"url": "https://a.example/b.git", "secretRef": "key"}}),
        "spec.code.git.secretRef",
    ),
    "credentials in a URL": (
        set_spec(code={"git": {"url": "https://me:secret@a.example/b.git"}}),
        "spec.code.git.url",
    ),
    "a password for ssh": (
        set_spec(code={"git": {"url": "ssh://git:secret@a.example/b.git"}}),
        "spec.code.git.url",
    ),
    "pip and uv": (set_spec(code={"pip": ["a"], "uv": {"packages": ["b"]}}), "spec.code.uv"),
    "a project without a repository": (
        set_spec(code={"uv": {"project": "."}}),
        "spec.code.uv.project",
    ),
    "neither packages nor a project": (set_spec(code={"uv": {}}), "spec.code.uv.packages"),
    "a project outside": (
        set_spec(code={"git": REPOSITORY, "uv": {"project": "../other"}}),
        "spec.code.uv.project",
    ),
    "groups of no project": (
        set_spec(code={"uv": {"packages": ["a"], "groups": ["dev"]}}),
        "spec.code.uv.groups",
    ),
    "extras of no project": (
        set_spec(code={"uv": {"packages": ["a"], "extras": ["gpu"]}}),
        "spec.code.uv.extras",
    ),
    "tasks of a source": (
        set_stage(0, taskFilters=["extract"]),
        "spec.pipeline.stages[0].taskFilters",
    ),
    "tasks with properties of a source": (
        set_stage(0, taskMatches=[PDF]),
        "spec.pipeline.stages[0].taskMatches",
    ),
    "a task without properties": (
        set_stage(1, taskMatches=[{"task": "extract"}]),
        "spec.pipeline.stages[1].taskMatches[0].properties",
    ),
    "no tasks": (set_stage(1, taskFilters=[]), "spec.pipeline.stages[1].taskFilters"),
    "errors of a source passed over": (
        set_stage(0, onError="Skip"),
        "spec.pipeline.stages[0].onError",
    ),
    "a number of errors where each fails the run": (
        set_stage(1, maxErrors=5),
        "spec.pipeline.stages[1].maxErrors",
    ),
    "dead letters without a place": (
        set_stage(1, onError="DeadLetter"),
        "spec.pipeline.deadLetters",
    ),
    "dead letters nowhere": (
        lambda run: run["spec"]["pipeline"].update(deadLetters={"config": {"a": 1}}),
        "spec.pipeline.deadLetters",
    ),
    "dead letters for a file and for code": (
        lambda run: run["spec"]["pipeline"].update(
            deadLetters={"path": "/a", "callable": "steps:drop"}
        ),
        "spec.pipeline.deadLetters",
    ),
    "dead letters for two kinds of code": (
        lambda run: run["spec"]["pipeline"].update(
            deadLetters={"actor": "steps:Drop", "callable": "steps:drop"}
        ),
        "spec.pipeline.deadLetters",
    ),
    "a file for dead letters that is configured": (
        lambda run: run["spec"]["pipeline"].update(deadLetters={"path": "/a", "config": {"a": 1}}),
        "spec.pipeline.deadLetters.config",
    ),
    "a start at no stage": (start_at("nowhere"), "spec.resumeFrom"),
    "a start without a checkpoint": (set_spec(resumeFrom="end"), "spec.resumeFrom"),
}

VALID: dict[str, Change] = {
    "a line": lambda _: None,
    "edges": set_edges(("numbers", "middle"), ("middle", "end")),
    "everything about a stage": set_stage(
        1,
        per="Batch",
        batchSize=10,
        batchFormat="pandas",
        phase=2,
        enabled=False,
        runsAfter=["numbers"],
        replicas={"min": 1, "max": 2, "static": 1},
        resources={"cpus": 0.5, "gpus": 0, "memory": "512Mi"},
        config={"deep": {"list": [1, "two", None]}},
    ),
    "replicas by strategies": set_stage(
        1,
        replicas={
            "minBy": {"cpuPercentage": {"share": 0.1, "limit": 2}},
            "maxBy": {"memoryThresholding": {"memoryPerReplica": "10Gi", "threshold": 0.5}},
            "staticBy": {"memoryStaticGlobalPercent": {"memoryPerReplica": "1Gi", "budget": "9Gi"}},
        },
        resources={"cpus": 0.25, "gpus": 2},
    ),
    "500 stages with edges": lambda run: run["spec"]["pipeline"].update(
        stages=(stages := many(500)),
        edges=[{"from": a["name"], "to": b["name"]} for a, b in pairwise(stages)],
    ),
    "a start behind a checkpoint": start_at("end"),
    "packages by uv": set_spec(code={"uv": {"packages": ["a==1"]}}),
    "a locked project": set_spec(
        code={"git": REPOSITORY, "uv": {"project": "services/text", "groups": ["pdf"]}}
    ),
    "a repository over ssh": set_spec(code={"git": {"url": "ssh://git@a.example:2222/b.git"}}),
    "a repository over ssh in short": set_spec(code={"git": {"url": "git@a.example:b.git"}}),
    "a branch and a join": set_edges(("numbers", "middle"), ("numbers", "end"), ("middle", "end")),
    "errors passed over": lambda run: run["spec"]["pipeline"].update(
        stages=[
            SOURCE | {"onError": "Fail"},
            stage("middle", "square")
            | {
                "onError": "DeadLetter",
                "maxErrors": 0,
                "taskFilters": ["extract"],
                "taskMatches": [PDF],
            },
            SINK | {"onError": "Skip"},
        ],
        deadLetters={"path": "s3://bucket/letters"},
    ),
    "a cluster to be made": set_spec(
        mode="Subprocess",
        ray={
            "clusterTemplate": {
                "metadata": {"labels": {"team": "data"}},
                "spec": {"headGroupSpec": {"rayStartParams": {"num-cpus": "0"}}},
            },
            "tokenSecret": {"name": "token"},
        },
    ),
    "dead letters for code": lambda run: run["spec"]["pipeline"].update(
        deadLetters={"actor": "steps:Drop", "config": {"to": ["a", {"b": None}]}}
    ),
    "much code": set_spec(code={"files": {"steps.py": "#" * MAX_CODE_BYTES}}),
    "parameters": lambda run: run["spec"].update(
        params=[{"name": "a", "value": "1"}],
        pipeline=run["spec"]["pipeline"]
        | {"params": [{"name": "a", "type": "integer", "enum": ["1", "2"], "default": "2"}]},
    ),
    "everything about its end": set_spec(
        suspend=True,
        shutdown="Terminate",
        activeDeadlineSeconds=1,
        pendingDeadlineSeconds=10**6,
        attemptDeadlineSeconds=60,
        ttlSecondsAfterFinished=0,
    ),
    "rules": set_spec(
        retries={
            "rules": [
                {
                    "exitCodes": [1, 255],
                    "failureClasses": ["User", "Timeout"],
                    "stages": ["middle"],
                    "exceptions": ["ValueError"],
                    "action": "Ignore",
                }
            ]
            * 20,
            "backoff": {"jitter": 0},
        }
    ),
    "retries": set_spec(retries={"limit": 3, "backoff": {"initialSeconds": 0, "factor": 1.5}}),
}


def changed(name: str, change: Change) -> Document:
    run = copy.deepcopy(manifest(name, stage("middle", "square")))
    change(run)
    return run


def slug(title: str) -> str:
    return title.lower().replace(" ", "-")


@pytest.mark.parametrize("title", INVALID)
def test_an_invalid_manifest_is_refused_by_field(cluster: ControlPlane, title: str) -> None:
    change, field = INVALID[title]
    document = json.dumps(changed(slug(title), change))
    done = cluster.try_kubectl("apply", "--dry-run=server", "-f", "-", stdin=document)
    assert done.returncode != 0
    assert field in done.stderr


@pytest.mark.parametrize("title", VALID)
def test_a_valid_manifest_is_accepted(cluster: ControlPlane, title: str) -> None:
    document = json.dumps(changed(slug(title), VALID[title]))
    # Server-side: the annotation of a client-side apply would hold everything once more.
    cluster.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=document)


@pytest.mark.parametrize("title", [*INVALID, *VALID])
def test_the_command_line_agrees_with_the_api_server(title: str) -> None:
    change = VALID[title] if title in VALID else INVALID[title][0]
    document = json.dumps(changed(slug(title), change))
    try:
        prepare(load_manifest(document).spec, RunIdentity())
        agreed = title in VALID
    except InvalidDefinitionError:
        agreed = title in INVALID
    assert agreed


@pytest.mark.parametrize("written", PLAIN_VALUES)
def test_kubectl_and_the_command_line_read_the_same_from_yaml(
    cluster: ControlPlane, written: str
) -> None:
    document = yaml.safe_dump(manifest("plain", stage("middle", "square", value="written")))
    text = document.replace("value: written", f"value: {written}")
    printed = cluster.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=text)
    stored = json.loads(printed)["spec"]["pipeline"]["stages"][1]["config"]
    assert stored == load_manifest(text).spec.pipeline.stages[1].config
    assert stored == {"value": PLAIN_VALUES[written]}


def test_nothing_but_the_mode_is_added_to_what_a_user_wrote(cluster: ControlPlane) -> None:
    written = manifest("bare", stage("middle", "square"))
    del written["spec"]["mode"]
    arguments = ("create", "--dry-run=server", "-o", "json", "-f", "-")
    stored = json.loads(cluster.kubectl(*arguments, stdin=json.dumps(written)))
    assert stored["spec"] == written["spec"] | {"mode": "Subprocess"}


def test_the_reference_is_at_hand(cluster: ControlPlane) -> None:
    explained = cluster.kubectl("explain", "pipelinerun.spec.pipeline.stages")
    assert "Steps of the pipeline" in explained
    assert "Keyword arguments for the class or function" in explained


def test_a_run_is_found_by_its_short_name_and_in_all(cluster: ControlPlane) -> None:
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(manifest("seen", namespace=NAMESPACE)))
    for resource in ("prun", "all"):
        assert "seen" in cluster.kubectl("get", resource, "-n", NAMESPACE)
    wide = cluster.kubectl("get", "prun", "-n", NAMESPACE, "-o", "wide").splitlines()[0].split()
    assert wide == [
        *("NAME", "PHASE", "EXIT", "ELAPSED", "MODE", "AGE"),
        *("STAGES", "ATTEMPT", "MESSAGE"),
    ]


def write_status(cluster: ControlPlane, name: str, **status: Any) -> str:
    patch = json.dumps({"status": status})
    arguments = ("patch", "prun", name, "-n", NAMESPACE, "--subresource=status", "--type=merge")
    return cluster.try_kubectl(*arguments, "-p", patch).stderr


def test_the_spec_is_fixed_once_the_run_has_started(cluster: ControlPlane) -> None:
    run = manifest("fixed", stage("middle", "sleep", seconds=1), namespace=NAMESPACE)
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(run))
    patch = ("patch", "prun", "fixed", "-n", NAMESPACE, "--type=json", "-p")
    change = [{"op": "replace", "path": "/spec/pipeline/stages/1/config/seconds", "value": 2}]
    cluster.kubectl(*patch, json.dumps(change))
    assert not write_status(cluster, "fixed", phase="Running", startTime="2026-01-01T00:00:00Z")
    change[0]["value"] = 3
    refused = cluster.try_kubectl(*patch, json.dumps(change))
    assert "cannot be changed once the run has started" in refused.stderr
    cluster.kubectl("label", "prun", "fixed", "-n", NAMESPACE, "team=a")


def test_the_spec_of_a_refused_run_is_fixed_too(cluster: ControlPlane) -> None:
    run = manifest("refused", namespace=NAMESPACE)
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(run))
    done = {"phase": "Failed", "exitCode": 2, "completionTime": "2026-01-01T00:00:00Z"}
    assert not write_status(cluster, "refused", **done)
    patch = json.dumps({"spec": {"mode": "Subprocess"}})
    arguments = ("patch", "prun", "refused", "-n", NAMESPACE, "--type=merge", "-p", patch)
    assert "apply a run with another name instead" in cluster.try_kubectl(*arguments).stderr


def test_the_rules_stay_within_their_budget_for_the_largest_run(cluster: ControlPlane) -> None:
    run = changed("largest", VALID["500 stages with edges"])
    run["metadata"]["namespace"] = NAMESPACE
    run["spec"]["code"] = {"files": {"steps.py": "#" * MAX_CODE_BYTES}}
    run["spec"]["pipeline"]["stages"][-2]["checkpoint"] = "/rows"
    run["spec"]["resumeFrom"] = run["spec"]["pipeline"]["stages"][-1]["name"]
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(run))
    stages = [
        {"name": it["name"], "state": "Running", "rowsIn": 10**12, "rowsOut": 10**12}
        for it in run["spec"]["pipeline"]["stages"]
    ]
    started = "2026-01-01T00:00:00Z"
    assert not write_status(cluster, "largest", phase="Running", startTime=started, stages=stages)
    assert not write_status(cluster, "largest", phase="Failed", completionTime=started)
    assert "a finished run never changes" in write_status(cluster, "largest", stages=[])
    cluster.kubectl("label", "prun", "largest", "-n", NAMESPACE, "team=a")


def test_a_finished_run_never_changes(cluster: ControlPlane) -> None:
    run = manifest("over", namespace=NAMESPACE)
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(run))
    done = {"phase": "Succeeded", "exitCode": 0, "completionTime": "2026-01-01T00:00:00Z"}
    assert not write_status(cluster, "over", **done)
    assert "a finished run never changes" in write_status(cluster, "over", exitCode=1)
    assert "a finished run never changes" in write_status(cluster, "over", phase="Running")
    # But for the generation of its spec that was seen last: its TTL may be changed.
    assert not write_status(cluster, "over", observedGeneration=7)


STARTED = {"phase": "Running", "startTime": "2026-01-01T00:00:00Z"}
FINISHED = {"phase": "Succeeded", "exitCode": 0, "completionTime": "2026-01-01T00:00:00Z"}
FIXED: dict[str, Any] = {
    "mode": "Subprocess",
    "params": [{"name": "a", "value": "1"}],
    "code": {"files": {"other.py": ""}},
    "ray": {"address": "http://head:8265"},
    "retries": {"limit": 5},
    "podTemplate": {"metadata": {"labels": {"a": "b"}}},
    "terminationGracePeriodSeconds": 5,
    "resumeFrom": "end",
}
CHANGEABLE: dict[str, Any] = {
    "suspend": True,
    "shutdown": "Drain",
    "activeDeadlineSeconds": 5,
    "pendingDeadlineSeconds": 5,
    "attemptDeadlineSeconds": 5,
    "finallyDeadlineSeconds": 5,
}
ALWAYS_CHANGEABLE: dict[str, Any] = {"ttlSecondsAfterFinished": 2**31 - 1}


def change_spec(cluster: ControlPlane, name: str, **spec: Any) -> str:
    """What the API server says against a change."""
    patch = json.dumps({"spec": spec})
    arguments = ("patch", "prun", name, "-n", NAMESPACE, "--type=merge", "-p", patch)
    return cluster.try_kubectl(*arguments).stderr


@pytest.fixture
def created(cluster: ControlPlane, request: pytest.FixtureRequest) -> str:
    """A run of this test's own."""
    name = f"changed-{abs(hash(request.node.name))}"
    kept = {**SOURCE, "checkpoint": "/rows"}
    document = json.dumps(manifest(name, source=kept, namespace=NAMESPACE))
    cluster.kubectl("create", "-f", "-", stdin=document)
    return name


def test_every_field_of_the_spec_is_tried() -> None:
    assert {*FIXED, *CHANGEABLE, *ALWAYS_CHANGEABLE, "pipeline"} == spec_fields()


def spec_fields() -> set[str]:
    return {field.alias or name for name, field in PipelineRunSpec.model_fields.items()}


@pytest.mark.parametrize("field", FIXED)
def test_a_field_that_is_fixed_once_the_run_has_started(
    cluster: ControlPlane, created: str, field: str
) -> None:
    assert not write_status(cluster, created, **STARTED)
    refused = change_spec(cluster, created, **{field: FIXED[field]})
    assert f"spec.{field}: " in refused
    assert "cannot be changed once the run has started" in refused
    # Once it is suspended it has no start any more: whoever admits it may still change it.
    assert not write_status(cluster, created, phase="Suspended", startTime=None)
    assert not change_spec(cluster, created, **{field: FIXED[field]})


@pytest.mark.parametrize("field", CHANGEABLE)
def test_a_field_that_may_change_until_the_run_has_finished(
    cluster: ControlPlane, created: str, field: str
) -> None:
    assert not write_status(cluster, created, **STARTED)
    assert not change_spec(cluster, created, **{field: CHANGEABLE[field]})
    assert not write_status(cluster, created, **FINISHED)
    refused = change_spec(cluster, created, **{field: None})
    assert "cannot be changed once the run has finished" in refused


@pytest.mark.parametrize("field", ALWAYS_CHANGEABLE)
def test_a_field_that_may_change_even_when_the_run_has_finished(
    cluster: ControlPlane, created: str, field: str
) -> None:
    assert not write_status(cluster, created, **STARTED)
    assert not change_spec(cluster, created, **{field: ALWAYS_CHANGEABLE[field]})
    assert not write_status(cluster, created, **FINISHED)
    assert not change_spec(cluster, created, **{field: 0})
    assert not change_spec(cluster, created, **{field: None})


def test_the_spec_is_fixed_once_finally_stages_are_due(cluster: ControlPlane, created: str) -> None:
    verdict = {"phase": "Cancelled", "reason": "Cancelled", "exitCode": 143}
    assert not write_status(cluster, created, phase="Finishing", verdict=verdict)
    refused = change_spec(cluster, created, retries={"limit": 5})
    assert "cannot be changed once the run has started" in refused


def test_a_shutdown_only_becomes_stronger(cluster: ControlPlane, created: str) -> None:
    message = "can only become stronger: from Drain to Terminate, and never back"
    assert not change_spec(cluster, created, shutdown="Drain")
    assert message in change_spec(cluster, created, shutdown=None)
    assert not change_spec(cluster, created, shutdown="Terminate")
    for weaker in (None, "Drain"):
        assert message in change_spec(cluster, created, shutdown=weaker)
