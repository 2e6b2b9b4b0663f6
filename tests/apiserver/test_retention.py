"""How long finished runs stay, on a real API server."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelinerun.api.names import LABEL_KEEP
from tests.apiserver.conftest import OPERATOR
from tests.cluster.controlplane import ControlPlane
from tests.support.operator import OperatorProcess
from tests.support.runs import Document, Runs, in_phase, manifest
from tests.support.waiting import wait_for

NAMESPACE = "retention"
REFUSAL = "nobody deletes runs here"
PROTECTION = "protect-runs"


@pytest.fixture(scope="module")
def _namespace(cluster: ControlPlane) -> Iterator[None]:
    cluster.kubectl("create", "namespace", NAMESPACE)
    yield
    cluster.kubectl("delete", "events", "-n", NAMESPACE, "--all")


@pytest.fixture
def operator(cluster: ControlPlane, _namespace: None, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator without Ray, not started yet. Its runs are gone when the test ends."""
    options = ("-n", NAMESPACE, "--no-in-process", "--worker-image", "none")
    process = OperatorProcess(cluster.kubeconfig_for(OPERATOR), tmp_path / "operator.log", *options)
    yield process
    process.stop()
    cluster.kubectl("delete", "pods,pipelineruns", "-n", NAMESPACE, "--all", "--force")


@pytest.fixture
def finished(cluster: ControlPlane, runs: Runs) -> Callable[..., None]:
    """Makes a run that was finished in some second of the year 2026."""

    def make(name: str, second: int = 0, phase: str = "Succeeded", **spec: Any) -> None:
        runs.apply(manifest(name, namespace=NAMESPACE, suspend=True, **spec))
        status = {"phase": phase, "completionTime": f"2026-01-01T00:00:{second:02}Z"}
        patch = json.dumps({"status": status})
        arguments = ("patch", "prun", name, "-n", NAMESPACE, "--subresource=status")
        cluster.kubectl(*arguments, "--type=merge", "-p", patch)

    return make


def test_a_finished_run_is_deleted_after_its_ttl(
    cluster: ControlPlane, operator: OperatorProcess, runs: Runs
) -> None:
    operator.start()
    runs.apply(
        manifest("expires", namespace=NAMESPACE, mode="Subprocess", ttlSecondsAfterFinished=1)
    )
    wait_for(lambda: bool(cluster.pods(NAMESPACE)))
    runs.change("expires", NAMESPACE, shutdown="Terminate")
    wait_for(lambda: not runs.exists("expires", NAMESPACE))
    # Nobody collects garbage here.
    wait_for(lambda: not cluster.pods(NAMESPACE))
    assert "Deleted: ttlSecondsAfterFinished has passed  run=expires " in operator.log.read_text()


def test_a_ttl_may_be_given_and_shortened_after_the_end(
    operator: OperatorProcess, runs: Runs
) -> None:
    operator.start()
    runs.apply(manifest("late", namespace=NAMESPACE, suspend=True))
    runs.apply(manifest("long", namespace=NAMESPACE, suspend=True, ttlSecondsAfterFinished=3600))
    for name in ("late", "long"):
        runs.wait(name, in_phase("Suspended"), NAMESPACE)
        runs.change(name, NAMESPACE, shutdown="Terminate")
        runs.wait(name, in_phase("Cancelled"), NAMESPACE)
        runs.change(name, NAMESPACE, ttlSecondsAfterFinished=0)
    wait_for(lambda: runs.names(NAMESPACE) == [])


def test_a_ttl_that_passes_while_the_operator_is_away_is_made_good(
    operator: OperatorProcess, runs: Runs, finished: Callable[..., None]
) -> None:
    finished("overdue", ttlSecondsAfterFinished=1)
    finished("stays")
    operator.start()
    wait_for(lambda: runs.names(NAMESPACE) == ["stays"])


def test_the_oldest_runs_beyond_the_history_are_deleted(
    cluster: ControlPlane, operator: OperatorProcess, runs: Runs, finished: Callable[..., None]
) -> None:
    for second in range(4):
        finished(f"good-{second}", second)
    finished("bad-0", 0, "Failed")
    finished("bad-1", 1, "Cancelled")
    finished("kept", 0)
    cluster.kubectl("label", "prun", "kept", "-n", NAMESPACE, f"{LABEL_KEEP}=true")
    operator.add_options("--succeeded-history-limit", "2", "--failed-history-limit", "1")
    operator.start()
    rest = ["bad-1", "good-2", "good-3", "kept"]
    wait_for(lambda: runs.names(NAMESPACE) == rest)
    finished("good-4", 4)
    wait_for(lambda: runs.names(NAMESPACE) == ["bad-1", "good-3", "good-4", "kept"])
    cluster.kubectl("label", "prun", "kept", "-n", NAMESPACE, f"{LABEL_KEEP}-")
    wait_for(lambda: runs.names(NAMESPACE) == ["bad-1", "good-3", "good-4"])
    operator.check_alive()


def refused(operator: OperatorProcess, text: str) -> Callable[[], bool]:
    """Whether the operator has said that it cannot delete a run, and why."""
    return lambda: any(
        "WARNING Cannot be deleted: " in line and text in line and "run=guarded " in line
        for line in operator.log.read_text().splitlines()
    )


def test_a_run_that_a_policy_protects_is_tried_again_until_it_may_go(
    cluster: ControlPlane, operator: OperatorProcess, runs: Runs, finished: Callable[..., None]
) -> None:
    finished("guarded", ttlSecondsAfterFinished=0)
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": protection()})
    cluster.kubectl("apply", "-f", "-", stdin=text)
    try:
        arguments = ("delete", "prun", "guarded", "-n", NAMESPACE, "--dry-run=server")
        wait_for(lambda: REFUSAL in cluster.try_kubectl(*arguments).stderr)
        operator.start()
        wait_for(refused(operator, REFUSAL))
        assert runs.exists("guarded", NAMESPACE)
    finally:
        cluster.kubectl("delete", "-f", "-", stdin=text)
    wait_for(lambda: not runs.exists("guarded", NAMESPACE))
    # Each attempt waits twice as long as the one before, so there were few.
    assert operator.log.read_text().count("Cannot be deleted") <= 15


def protection() -> list[Document]:
    """A policy that lets nobody delete runs."""
    rule = {
        "apiGroups": ["pipelinerun.dev"],
        "apiVersions": ["*"],
        "operations": ["DELETE"],
        "resources": ["pipelineruns"],
    }
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": PROTECTION},
            "spec": {
                "matchConstraints": {"resourceRules": [rule]},
                "validations": [{"expression": "false", "message": REFUSAL, "reason": "Forbidden"}],
            },
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": PROTECTION},
            "spec": {
                "policyName": PROTECTION,
                "validationActions": ["Deny"],
                "matchResources": {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}
                },
            },
        },
    ]


def test_a_run_that_finalizers_hold_is_named(
    cluster: ControlPlane, operator: OperatorProcess, runs: Runs, finished: Callable[..., None]
) -> None:
    finished("guarded", ttlSecondsAfterFinished=0)
    patch = ("patch", "prun", "guarded", "-n", NAMESPACE, "--type=merge", "-p")
    cluster.kubectl(*patch, json.dumps({"metadata": {"finalizers": ["example.com/audit"]}}))
    operator.start()
    wait_for(refused(operator, "example.com/audit"))
    cluster.kubectl(*patch, json.dumps({"metadata": {"finalizers": None}}))
    wait_for(lambda: not runs.exists("guarded", NAMESPACE))
