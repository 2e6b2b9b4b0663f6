"""Installing, upgrading and uninstalling, and what separates stages from the operator."""

import json
from typing import Any

import pytest

from tests.cluster.node import Cluster
from tests.support.helm import SYSTEM, Helm
from tests.support.installation import IN_PROCESS, Installation
from tests.support.installation import WORKERS as NAMESPACE
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest, stage
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("operator")

RETRIES = {"infrastructureLimit": 3, "backoff": {"initialSeconds": 0.5}}
SPY = """
import os, socket
from pathlib import Path

def look(row):
    secrets = Path("/var/run/secrets")
    found = [str(path) for path in secrets.rglob("*")] if secrets.exists() else []
    for process in Path("/proc").glob("[0-9]*"):
        root = process / "root/var/run/secrets"
        try:
            found += [str(path) for path in root.rglob("*")] if root.exists() else []
        except OSError:
            pass
    uid = os.getuid()
    programs = [p.read_text() for p in Path("/proc").glob("[0-9]*/cmdline")]
    operator = [it for it in programs if "operator\\0" in it.replace("pipelinerun-operator", "")]
    try:
        Path("/usr/bin/mine").write_text("")
        found.append("a writable root")
    except OSError:
        pass
    if found or operator or uid == 0:
        raise AssertionError(f"{found} {operator} {uid}")
    return row
"""
MENACE = """
import os, signal

def kill_all(row):
    os.kill(-1, signal.SIGKILL)

def eat(row):
    held = []
    while True:
        held.append(b"x" * 2**24)
"""


def run(name: str, *middle: Document, mode: str = "InProcess", **spec: Any) -> Document:
    namespace = IN_PROCESS if mode == "InProcess" else NAMESPACE
    document = manifest(name, *middle, namespace=namespace, mode=mode, **spec)
    document["spec"]["code"]["files"] |= {"spy.py": SPY, "menace.py": MENACE}
    return document


def called(name: str) -> Document:
    return {"name": name.rpartition(":")[2].replace("_", "-"), "callable": name}


def test_the_chart_s_own_test_passes(helm: Helm) -> None:
    said = helm.test()
    assert "Subprocess: " in said, said
    assert "Failed" not in said, said


@pytest.mark.parametrize("mode", ["InProcess", "Subprocess"])
def test_a_stage_finds_no_token_and_no_operator(runs: Runs, mode: str) -> None:
    status = runs.finish(run(f"spy-{mode.lower()}", called("spy:look"), mode=mode))
    assert (status["phase"], status["exitCode"]) == ("Succeeded", 0), status


@pytest.mark.parametrize("how", ["kill_all", "eat"])
def test_a_stage_can_take_down_its_ray_but_not_the_operator(
    runs: Runs, operator: Installation, how: str
) -> None:
    operator.install(ray={"resources": {"limits": {"memory": "2500Mi"}}, "sharedMemory": "512Mi"})
    before = operator.restarts("operator")
    name = how.replace("_", "-")
    status = runs.finish(run(name, called(f"menace:{how}"), retries={"infrastructureLimit": 0}))
    assert status["phase"] == "Failed", status
    assert operator.restarts("operator") == before
    after = runs.finish(run(f"after-{name}", retries=RETRIES))
    assert after["phase"] == "Succeeded", after
    assert operator.restarts("operator") == before


def test_runs_go_on_while_the_operator_s_container_is_restarted(
    runs: Runs, operator: Installation
) -> None:
    runs.apply(run("undisturbed", stage("sleep", "sleep", seconds=2)))
    runs.wait("undisturbed", in_phase("Running"), IN_PROCESS)
    operator.kill("operator")
    status = runs.wait("undisturbed", is_finished, IN_PROCESS)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 1), status


def test_runs_are_tried_again_when_their_ray_is_restarted(
    runs: Runs, operator: Installation
) -> None:
    runs.apply(run("bereaved", stage("sleep", "sleep", seconds=1), retries=RETRIES))
    runs.wait("bereaved", in_phase("Running"), IN_PROCESS)
    before = operator.restarts("operator")
    operator.kill("ray")
    status = runs.wait("bereaved", is_finished, IN_PROCESS)
    assert (status["phase"], status["infrastructureFailures"]) == ("Succeeded", 1), status
    assert operator.restarts("operator") == before


def test_a_second_replica_goes_on_when_the_one_that_leads_is_gone(
    cluster: Cluster, runs: Runs, operator: Installation
) -> None:
    operator.install(replicas=2)
    leader = operator.leader()
    runs.apply(run("handed-over", stage("sleep", "sleep", seconds=2), mode="Subprocess"))
    runs.wait("handed-over", in_phase("Running"), NAMESPACE)
    cluster.kubectl("delete", "pod", leader, "-n", SYSTEM, "--grace-period=0", "--force")
    status = runs.wait("handed-over", is_finished, NAMESPACE)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 1), status
    assert operator.leader() != leader
    operator.install()


def test_an_upgrade_leaves_runs_alone(runs: Runs, operator: Installation) -> None:
    runs.apply(run("upgraded", stage("sleep", "sleep", seconds=3), mode="Subprocess"))
    runs.wait("upgraded", in_phase("Running"), NAMESPACE)
    before = operator.pod()["metadata"]["uid"]
    operator.install(log={"format": "json"})
    assert operator.pod()["metadata"]["uid"] != before
    status = runs.wait("upgraded", is_finished, NAMESPACE)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 1), status


def test_uninstalling_leaves_runs_and_crds(
    cluster: Cluster, runs: Runs, helm: Helm, operator: Installation
) -> None:
    runs.apply(run("left", stage("sleep", "sleep", seconds=3), mode="Subprocess"))
    runs.wait("left", in_phase("Running"), NAMESPACE)
    finished = runs.get("upgraded", NAMESPACE)
    helm.uninstall("--wait")
    kinds = "deployments,serviceaccounts,configmaps,roles,services"
    rest = {
        it["metadata"]["name"]
        for it in cluster.get(kinds, "-n", SYSTEM)["items"]
        if "pipelinerun-operator" in json.dumps(it["metadata"])
    }
    assert rest == set()
    # Its pod goes on to its end without an operator.
    selector = "-lpipelinerun.dev/run=left"
    ended = ("wait", "-n", NAMESPACE, "pod", selector, "--timeout=120s")
    cluster.kubectl(*ended, "--for=jsonpath={.status.phase}=Succeeded")
    assert runs.status("left", NAMESPACE)["phase"] == "Running"
    assert runs.get("upgraded", NAMESPACE) == finished
    operator.install()
    status = runs.wait("left", is_finished, NAMESPACE)
    assert (status["phase"], status["attempt"]) == ("Succeeded", 1), status
    wait_for(lambda: runs.events("left", NAMESPACE)[-1:] == [("Normal", "Completed")])
