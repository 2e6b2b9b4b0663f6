"""What GitOps tools see: health by upstream kstatus, fields with one owner each, no drift."""

import json
import shutil
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from pipelinerun.api.status import Phase, PipelineRunStatus
from pipelinerun.core import status as build
from tests.cluster.controlplane import ControlPlane
from tests.support.decisions import NOW
from tests.support.kstatus import Kstatus
from tests.support.runs import Document, Runs, is_finished, manifest, stage
from tests.support.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
GITOPS = "--server-side", "--field-manager=gitops"
VERDICTS: dict[Phase, str] = dict.fromkeys(get_args(Phase), "InProgress") | {
    "Suspended": "Current",
    "Succeeded": "Current",
    "Failed": "Failed",
    "Cancelled": "Failed",
}


@pytest.fixture(scope="module")
def kstatus(tmp_path_factory: pytest.TempPathFactory) -> Kstatus:
    """The library that Flux judges objects with."""
    return Kstatus(tmp_path_factory.mktemp("kstatus"))


def in_phase(phase: Phase, generation: int) -> Document:
    status = build.in_phase(PipelineRunStatus(), phase, "Reason", "Why", generation=3, now=NOW)
    document = manifest(phase.lower())
    document["metadata"]["generation"] = generation
    document["status"] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return document


def test_kstatus_judges_every_phase_as_it_is_meant(kstatus: Kstatus) -> None:
    phases = get_args(Phase)
    verdicts = kstatus.of([in_phase(phase, generation=3) for phase in phases])
    assert dict(zip(phases, verdicts, strict=True)) == VERDICTS


def test_kstatus_waits_for_a_change_that_was_not_seen_yet(kstatus: Kstatus) -> None:
    assert set(kstatus.of([in_phase(phase, generation=4) for phase in get_args(Phase)])) == {
        "InProgress"
    }


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(("name", "middle"), [("square", "square"), ("wrong", "wrong")])
def test_a_finished_run_is_as_it_was_applied_and_its_fields_have_one_owner_each(
    cluster: ControlPlane, runs: Runs, kstatus: Kstatus, name: str, middle: str
) -> None:
    applied = manifest(f"gitops-{name}", stage(middle, middle))
    text = json.dumps(applied)
    cluster.kubectl("apply", *GITOPS, "-f", "-", stdin=text)
    created: dict[str, Any] = runs.get(f"gitops-{name}")["metadata"]
    runs.wait(f"gitops-{name}", is_finished)

    cluster.kubectl("diff", *GITOPS, "-f", "-", stdin=text)
    cluster.kubectl("apply", *GITOPS, "-f", "-", stdin=text)
    found = cluster.get("prun", f"gitops-{name}", "--show-managed-fields")
    assert found["spec"] == applied["spec"]
    changing = {"resourceVersion", "managedFields"}
    metadata = {key: it for key, it in found["metadata"].items() if key not in changing}
    assert metadata == {key: it for key, it in created.items() if key not in changing}
    owners = {
        (it["manager"], it.get("subresource", "")): set(it["fieldsV1"])
        for it in found["metadata"]["managedFields"]
    }
    operator = next(manager for manager, part in owners if part == "status")
    assert owners == {("gitops", ""): {"f:spec"}, (operator, "status"): {"f:status"}}
    verdict = "Current" if name == "square" else "Failed"
    assert kstatus.of([found]) == [verdict]
    # A TTL may be changed in Git after the end, and who waits for that is told.
    applied["spec"]["ttlSecondsAfterFinished"] = 3600
    cluster.kubectl("apply", *GITOPS, "-f", "-", stdin=json.dumps(applied))
    wait_for(lambda: kstatus.of([runs.get(f"gitops-{name}")]) == [verdict])


def test_kstatus_waits_for_a_run_that_nobody_has_seen_yet(
    cluster: ControlPlane, kstatus: Kstatus
) -> None:
    unseen = json.dumps(manifest("gitops-unseen", namespace="kube-public"))
    cluster.kubectl("apply", "-f", "-", stdin=unseen)
    found = cluster.get("prun", "gitops-unseen", "-n", "kube-public")
    assert kstatus.of([found]) == ["InProgress"]
    cluster.kubectl("delete", "prun", "gitops-unseen", "-n", "kube-public")


def test_the_argo_cd_component_patches_the_config_map(
    cluster: ControlPlane, tmp_path: Path
) -> None:
    (tmp_path / "argocd-cm.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm}\ndata: {url: kept}\n"
    )
    component = json.dumps({"resources": ["argocd-cm.yaml"], "components": ["argo-cd"]})
    (tmp_path / "kustomization.yaml").write_text(component)
    shutil.copytree(ROOT / "deploy" / "argo-cd", tmp_path / "argo-cd")
    rendered = cluster.kubectl("kustomize", str(tmp_path))
    keys = {"health", "actions"}
    data = yaml.safe_load(rendered)["data"]
    assert set(data) == {
        "url",
        *(f"resource.customizations.{key}.pipelinerun.dev_PipelineRun" for key in keys),
    }


@pytest.mark.parametrize(("overlay", "rows"), [("staging", "10"), ("production", "1000000")])
def test_an_overlay_of_the_example_is_accepted(
    cluster: ControlPlane, overlay: str, rows: str
) -> None:
    folder = ROOT / "examples" / "gitops" / "overlays" / overlay
    rendered = cluster.kubectl("kustomize", str(folder))
    run = yaml.safe_load(rendered)
    assert (run["metadata"]["namespace"], run["metadata"]["name"]) == (overlay, "nightly-1")
    assert run["spec"]["params"] == [{"name": "rows", "value": rows}]
    # Neither namespace is there.
    run["metadata"]["namespace"] = "default"
    cluster.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(run))
