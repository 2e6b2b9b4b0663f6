"""What a manifest holds in confidence is told nowhere, whatever is wrong with the manifest."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.apiserver.conftest import OPERATOR
from tests.cluster.controlplane import ControlPlane
from tests.support.operator import OperatorProcess
from tests.support.runs import Document, Runs, is_finished, manifest, stage
from tests.support.waiting import wait_for

NAMESPACE = "leaks"
SECRET = "correct-horse-battery"
NODE = {"fieldRef": {"fieldPath": "spec.nodeName"}}
VALUE = {"name": "PASSWORD", "value": SECRET}


@pytest.fixture(scope="module")
def operator(
    cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """An operator without Ray that says all that it can say."""
    cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.kubectl("create", "serviceaccount", "default", "-n", NAMESPACE)
    process = OperatorProcess(
        cluster.kubeconfig_for(OPERATOR), tmp_path_factory.mktemp("leaks") / "log"
    )
    process.add_options("-n", NAMESPACE, "--no-in-process", "--worker-image", "worker:1")
    process.add_options("--verbose")
    process.start()
    yield process
    process.stop()


def pod(**fields: Any) -> Document:
    return {"podTemplate": {"spec": {"containers": [{"name": "pipeline", **fields}]}}}


WRONG: dict[str, Document] = {
    "value-of-another-type": pod(env=[{"name": "PASSWORD", "value": {"is": SECRET}}]),
    "value-and-source": pod(env=[VALUE | {"valueFrom": NODE}]),
    "value-of-no-name": pod(env=[{"value": SECRET}]),
    "value-and-misspelt-field": pod(env=[VALUE], enviroment=[VALUE]),
    "value-and-wrong-resources": pod(env=[VALUE], resources={"limits": {"memory": "much"}}),
    "arguments-of-another-type": pod(args={"--password": SECRET}),
    "code-that-is-none": {"code": {"files": {"steps.py": f"password = '{SECRET}' +"}}},
}


@pytest.mark.parametrize("name", WRONG)
def test_nothing_confidential_is_told_about_a_pod_that_cannot_be_made(
    cluster: ControlPlane, runs: Runs, operator: OperatorProcess, name: str
) -> None:
    secret = stage("login", "square", password=SECRET)
    document = manifest(name, secret, namespace=NAMESPACE, mode="Subprocess", **WRONG[name])
    runs.apply(document)
    if name != "code-that-is-none":
        assert runs.wait(name, is_finished, NAMESPACE)["exitCode"] == 2
        wait_for(lambda: bool(runs.events(name, NAMESPACE)))
    else:
        runs.wait(name, lambda it: it.get("phase") == "Starting", NAMESPACE)
    events = cluster.kubectl("get", "events", "-n", NAMESPACE, "-o", "json")
    assert SECRET not in json.dumps(runs.status(name, NAMESPACE))
    assert SECRET not in events
    assert SECRET not in operator.log.read_text()
