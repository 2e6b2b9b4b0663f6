"""What the API server refuses by itself, and in which words."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from pipelinerun.api import graph
from pipelinerun.api.load import load_manifest
from pipelinerun.api.rules import broken_rules
from pipelinerun.api.violations import InvalidDefinitionError
from tests.cluster.controlplane import ControlPlane
from tests.support.runs import SINK, SOURCE, Document, manifest, stage

Change = Callable[[Document], None]


def set_spec(**fields: Any) -> Change:
    return lambda run: run["spec"].update(fields)


def set_stage(index: int, **fields: Any) -> Change:
    return lambda run: run["spec"]["pipeline"]["stages"][index].update(fields)


def set_stages(*stages: Document) -> Change:
    return lambda run: run["spec"]["pipeline"].update(stages=list(stages))


def set_edges(*edges: tuple[str, str]) -> Change:
    written = [{"from": before, "to": after} for before, after in edges]
    return lambda run: run["spec"]["pipeline"].update(edges=written)


def drop_pipeline(run: Document) -> None:
    del run["spec"]["pipeline"]


def many(count: int) -> list[Document]:
    middle = [stage(f"s{n}", "square") for n in range(count - 2)]
    return [SOURCE, *middle, SINK]


INVALID: dict[str, tuple[Change, str]] = {
    "unknown field of the spec": (set_spec(colour="red"), "spec.colour"),
    "unknown field of a stage": (
        set_stage(1, colour="red"),
        "spec.pipeline.stages[1].colour",
    ),
    "unknown mode": (set_spec(mode="Sideways"), "spec.mode"),
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
    "not a quantity": (
        set_stage(1, resources={"memory": "much"}),
        "spec.pipeline.stages[1].resources.memory",
    ),
    "phase beyond the last": (set_stage(1, phase=6), "spec.pipeline.stages[1].phase"),
    "no source": (set_stages(stage("a", "square"), SINK), "spec.pipeline.stages"),
    "no sink": (set_stages(SOURCE, stage("a", "square")), "spec.pipeline.stages"),
    "an edge from nowhere": (set_edges(("nowhere", "end")), "spec.pipeline.edges"),
    "an edge to nowhere": (set_edges(("numbers", "nowhere")), "spec.pipeline.edges"),
    "an edge to itself": (set_edges(("middle", "middle")), "spec.pipeline.edges[0].to"),
    "too many stages": (set_stages(*many(501)), "spec.pipeline.stages"),
    "a threshold above one": (
        lambda run: run["spec"]["pipeline"].update(runtime={"dynamicMemoryThreshold": 2}),
        "spec.pipeline.runtime.dynamicMemoryThreshold",
    ),
    "a negative retry limit": (set_spec(retries={"limit": -1}), "spec.retries.limit"),
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
    "500 stages with edges": lambda run: run["spec"]["pipeline"].update(
        stages=(stages := many(500)),
        edges=[
            {"from": a["name"], "to": b["name"]} for a, b in zip(stages, stages[1:], strict=False)
        ],
    ),
    "much code": set_spec(code={"files": {"steps.py": "#" * 500_000}}),
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
        spec = load_manifest(document).spec
        violations = [*broken_rules(spec), *graph.violations(spec.pipeline)]
    except InvalidDefinitionError as error:
        violations = [*error.violations]
    assert bool(violations) == (title in INVALID)


def test_the_reference_is_at_hand(cluster: ControlPlane) -> None:
    explained = cluster.kubectl("explain", "pipelinerun.spec.pipeline.stages")
    assert "Steps of the pipeline" in explained
    assert "Keyword arguments for the class or function" in explained


def test_a_run_is_found_by_its_short_name_and_in_all(cluster: ControlPlane) -> None:
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(manifest("seen", namespace="recovery")))
    for resource in ("prun", "all"):
        assert "seen" in cluster.kubectl("get", resource, "-n", "recovery")
    wide = cluster.kubectl("get", "prun", "-n", "recovery", "-o", "wide").splitlines()[0].split()
    assert wide == [
        *("NAME", "PHASE", "EXIT", "ELAPSED", "MODE", "AGE"),
        *("STAGES", "ATTEMPT", "MESSAGE"),
    ]


def write_status(cluster: ControlPlane, name: str, **status: Any) -> str:
    patch = json.dumps({"status": status})
    arguments = ("patch", "prun", name, "-n", "recovery", "--subresource=status", "--type=merge")
    return cluster.try_kubectl(*arguments, "-p", patch).stderr


def test_the_spec_is_fixed_once_the_run_has_started(cluster: ControlPlane) -> None:
    run = manifest("fixed", stage("middle", "sleep", seconds=1), namespace="recovery")
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(run))
    patch = ("patch", "prun", "fixed", "-n", "recovery", "--type=json", "-p")
    change = [{"op": "replace", "path": "/spec/pipeline/stages/1/config/seconds", "value": 2}]
    cluster.kubectl(*patch, json.dumps(change))
    assert not write_status(cluster, "fixed", phase="Running", startTime="2026-01-01T00:00:00Z")
    change[0]["value"] = 3
    refused = cluster.try_kubectl(*patch, json.dumps(change))
    assert "cannot be changed once the run has started" in refused.stderr
    cluster.kubectl("label", "prun", "fixed", "-n", "recovery", "team=a")


def test_a_finished_run_never_changes(cluster: ControlPlane) -> None:
    run = manifest("over", namespace="recovery")
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(run))
    done = {"phase": "Succeeded", "exitCode": 0, "completionTime": "2026-01-01T00:00:00Z"}
    assert not write_status(cluster, "over", **done)
    assert "a finished run never changes" in write_status(cluster, "over", exitCode=1)
    assert "a finished run never changes" in write_status(cluster, "over", phase="Running")
