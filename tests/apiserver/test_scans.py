"""Public scanners find nothing unexplained in the chart, the image and what it installs."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelinerun.controller.pods.template import pod_manifest
from scripts.bootstrap import find_uv
from tests.cluster.controlplane import ControlPlane
from tests.support.examples import job
from tests.support.helm import ROOT, Helm

VALUES = {
    "fullnameOverride": "scanned",
    "image": {"repository": "images/pipelinerun"},
    "networkPolicy": {"enabled": True},
}
CHECKOV = "checkov==3.3.30"
PIP_AUDIT = "pip-audit==2.10.1"
OPERATOR = "Deployment scanned"
TEST = "Pod scanned-test"
WORKER = "Pod worker"
EXPLAINED = {
    **dict.fromkeys(
        [("CKV_K8S_11", it) for it in (OPERATOR, TEST, WORKER)],
        "limits of CPU slow down what has to answer in time; requests are set",
    ),
    **dict.fromkeys(
        [("CKV_K8S_43", it) for it in (OPERATOR, TEST, WORKER)],
        "the image is the user's own; image.digest pins it",
    ),
    **dict.fromkeys(
        [("CKV_K8S_15", it) for it in (OPERATOR, TEST, WORKER)],
        "tags are not moved; image.pullPolicy says otherwise where they are",
    ),
    **dict.fromkeys(
        [(check, it) for it in (OPERATOR, TEST, WORKER) for check in ("CKV_K8S_8", "CKV_K8S_9")],
        "the operator watches its Ray itself, and ends with it; the others run to an end",
    ),
    ("CKV_K8S_38", TEST): "it creates a run",
    ("CKV2_K8S_6", TEST): "it runs for seconds, when it is asked for",
    ("CKV2_K8S_6", WORKER): "who is in its namespace is for the namespace to say",
    ("CKV_DOCKER_2", "Dockerfile"): "Kubernetes takes the chart's probes instead",
    ("CKV_DOCKER_7", "Dockerfile"): "the base image is an argument, with a version",
}
"""Findings that are as they should be, and why."""


def tool(*arguments: str, folder: Path = ROOT) -> str:
    """Run a tool from its package, and return what it prints."""
    uv = find_uv()
    assert uv is not None  # this environment was made by it
    done = subprocess.run(
        [uv, "tool", "run", "--from", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip(), done.stderr
    return done.stdout


def findings(folder: Path, framework: str) -> set[tuple[str, str]]:
    """Checks that failed, and for what."""
    options = ("-d", str(folder), "--framework", framework, "--skip-download", "-o", "json")
    report: dict[str, Any] = json.loads(tool(CHECKOV, "checkov", *options))
    assert report["summary"]["passed"] > 0, report
    assert report["summary"]["parsing_errors"] == 0, report
    return {(it["check_id"], _name(it["resource"])) for it in report["results"]["failed_checks"]}


def _name(resource: str) -> str:
    """``Deployment.namespace.name`` or ``Dockerfile.FROM`` as people call it."""
    kind, *rest = resource.removeprefix("/").split(".")
    return kind if kind == "Dockerfile" else f"{kind} {rest[-1]}"


@pytest.fixture(scope="module")
def found(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """All that is found in what the chart installs, in a worker's pod and in the Dockerfile."""
    manifests, image = tmp_path_factory.mktemp("manifests"), tmp_path_factory.mktemp("image")
    pod = pod_manifest(job("hello-pod"), image="worker:1", templates=[], grace=30)
    pod["metadata"] |= {"name": "worker", "namespace": "team"}
    objects = [*Helm(cluster).render(VALUES), pod]
    (manifests / "objects.yaml").write_text(yaml.safe_dump_all(objects))
    (image / "Dockerfile").write_text((ROOT / "Dockerfile").read_text())
    return findings(manifests, "kubernetes") | findings(image, "dockerfile")


def test_the_scanner_finds_nothing_that_is_not_explained(found: set[tuple[str, str]]) -> None:
    assert found - EXPLAINED.keys() == set()


def test_every_explanation_is_needed(found: set[tuple[str, str]]) -> None:
    assert EXPLAINED.keys() - found == set()


def test_nothing_that_the_image_installs_has_a_known_vulnerability() -> None:
    options = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "-f", "json")
    report = json.loads(tool(PIP_AUDIT, "pip-audit", "-r", "requirements.lock", *options))
    audited = [it for it in report["dependencies"] if "skip_reason" not in it]
    if not audited:
        pytest.skip(f"no advisories can be had here: {report['dependencies'][0]['skip_reason']}")
    assert [it for it in audited if it["vulns"]] == []
