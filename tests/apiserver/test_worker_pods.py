"""Runs in mode Subprocess on an API server without nodes: their pods are made, and wait."""

import json
import random
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from pipelinerun.api.delivery import unpack
from pipelinerun.api.names import LABEL_FINALLY as FINALLY
from pipelinerun.api.status import Failure, Outcome
from pipelinerun.api.termination import encode
from tests.apiserver.conftest import OPERATOR
from tests.cluster.controlplane import ControlPlane
from tests.support.operator import OperatorProcess
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest, reasons, stage
from tests.support.waiting import wait_for

NAMESPACE = "pods"
TEMPLATE = """
metadata: {labels: {team: data}}
spec:
  priorityClassName: ""
  containers:
  - name: pipeline
    env: [{name: REGION, value: north}]
"""


@pytest.fixture(scope="module")
def namespace(cluster: ControlPlane) -> None:
    cluster.kubectl("create", "namespace", NAMESPACE)
    restricted = "pod-security.kubernetes.io/enforce=restricted"
    cluster.kubectl("label", "namespace", NAMESPACE, restricted)
    cluster.kubectl("create", "serviceaccount", "default", "-n", NAMESPACE)


@pytest.fixture(scope="module")
def operator(
    cluster: ControlPlane,
    namespace: None,  # noqa: ARG001 - it has to be there
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OperatorProcess]:
    """An operator without Ray."""
    folder = tmp_path_factory.mktemp("pods")
    template = folder / "template.yaml"
    template.write_text(TEMPLATE)
    process = OperatorProcess(cluster.kubeconfig_for(OPERATOR), folder / "log")
    process.add_options("-n", NAMESPACE, "--no-in-process")
    process.add_options("--worker-image", "worker:1", "--worker-pod-template", str(template))
    process.start()
    yield process
    process.stop()


pytestmark = pytest.mark.usefixtures("operator")


def run(name: str, **spec: Any) -> Document:
    square = stage("square", "square")
    return manifest(name, square, namespace=NAMESPACE, mode="Subprocess", **spec)


def with_container(**fields: Any) -> Document:
    return {"podTemplate": {"spec": {"containers": [{"name": "pipeline", **fields}]}}}


def pods_of(cluster: ControlPlane, name: str) -> list[Document]:
    return cluster.pods(NAMESPACE, f"pipelinerun.dev/run={name}")


def pod_of(cluster: ControlPlane, name: str) -> Document:
    """The one pod of a run, once it is there."""
    wait_for(lambda: bool(pods_of(cluster, name)))
    (pod,) = pods_of(cluster, name)
    return pod


def test_an_attempt_has_a_pod_that_the_restricted_level_lets_in(
    cluster: ControlPlane, runs: Runs
) -> None:
    runs.apply(run("made"))
    pod = pod_of(cluster, "made")
    status = runs.status("made", NAMESPACE)
    assert (status["phase"], status["attempt"]) == ("Starting", 1)
    assert status["worker"] == {"pod": pod["metadata"]["name"]}
    (owner,) = pod["metadata"]["ownerReferences"]
    assert owner["uid"] == runs.get("made", NAMESPACE)["metadata"]["uid"]
    job = unpack(pod["metadata"]["annotations"]["pipelinerun.dev/job"])
    assert (job.run.name, job.run.attempt) == ("made", 1)
    assert [it.name for it in job.definition.stages] == ["numbers", "square", "end"]
    assert pod["metadata"]["labels"]["team"] == "data"
    (container,) = pod["spec"]["containers"]
    assert (container["image"], container["env"]) == (
        "worker:1",
        [{"name": "REGION", "value": "north"}],
    )


def test_a_restarted_operator_makes_no_second_pod(
    cluster: ControlPlane, runs: Runs, operator: OperatorProcess
) -> None:
    runs.apply(run("once"))
    pod_of(cluster, "once")
    before = runs.get("once", NAMESPACE)
    operator.stop()
    operator.start()
    runs.apply(run("marker"))
    runs.wait("marker", in_phase("Starting"), NAMESPACE)
    assert len(pods_of(cluster, "once")) == 1
    assert runs.get("once", NAMESPACE) == before


def test_a_pod_that_is_deleted_before_it_ran_is_a_failure_of_the_infrastructure(
    cluster: ControlPlane, runs: Runs
) -> None:
    runs.apply(run("deleted", retries={"infrastructureLimit": 0}))
    pod = pod_of(cluster, "deleted")
    cluster.kubectl("delete", "pod", pod["metadata"]["name"], "-n", NAMESPACE)
    status = runs.wait("deleted", is_finished, NAMESPACE)
    assert (status["exitCode"], status["failure"]["class"]) == (137, "Infrastructure")
    assert reasons(status)["Succeeded"] == ("False", "PodDeleted")


def test_a_pod_that_cannot_start_is_not_left_waiting(
    cluster: ControlPlane, runs: Runs, operator: OperatorProcess
) -> None:
    runs.apply(run("unstartable", retries={"infrastructureLimit": 0}))
    wait_for(lambda: bool(pods_of(cluster, "unstartable")))
    pod = pod_of(cluster, "unstartable")["metadata"]
    # As a kubelet tells it, while there is no operator to hear it.
    waiting = {"reason": "InvalidImageName", "message": "what a name"}
    state = {"name": "pipeline", "image": "", "imageID": "", "ready": False, "restartCount": 0}
    status = {"containerStatuses": [{**state, "state": {"waiting": waiting}}]}
    patch = ("patch", "pod", pod["name"], "-n", NAMESPACE, "--subresource=status", "--type=merge")
    operator.stop(signal.SIGKILL)
    cluster.kubectl(*patch, "-p", json.dumps({"status": status}))
    operator.start()
    found = runs.wait("unstartable", is_finished, NAMESPACE)
    assert reasons(found)["Succeeded"] == ("False", "ImagePullFailed")
    wait_for(lambda: not pods_of(cluster, "unstartable"))


def test_the_next_attempt_has_a_pod_of_its_own(cluster: ControlPlane, runs: Runs) -> None:
    runs.apply(run("again", retries={"backoff": {"initialSeconds": 0.1}}))
    first = pod_of(cluster, "again")
    cluster.kubectl("delete", "pod", first["metadata"]["name"], "-n", NAMESPACE)
    status = runs.wait("again", lambda it: it.get("attempt") == 2, NAMESPACE)
    second = pod_of(cluster, "again")
    assert second["metadata"]["labels"]["pipelinerun.dev/attempt"] == "2"
    assert status["attempts"][0]["reason"] == "PodDeleted"


def test_a_template_that_is_no_pod_fails_with_the_field(runs: Runs) -> None:
    status = runs.finish(run("wrong", **with_container(resources={"limits": {"memory": "-1"}})))
    failure = status["failure"]
    assert (status["exitCode"], failure["class"]) == (2, "Config")
    assert "spec.podTemplate" in failure["message"]
    assert "spec.containers[0].resources.limits[memory]" in failure["message"]


@pytest.mark.parametrize(
    ("name", "spec", "field"),
    [
        ("misspelt", {"containers": [{"name": "pipeline", "resorces": {}}]}, "resorces"),
        ("text", {"containers": "pipeline"}, "spec.podTemplate.spec.containers"),
        ("soon", {"activeDeadlineSeconds": "soon"}, "activeDeadlineSeconds"),
    ],
)
def test_a_template_of_which_no_pod_can_be_made(
    runs: Runs, name: str, spec: Document, field: str
) -> None:
    status = runs.finish(run(f"no-pod-{name}", podTemplate={"spec": spec}))
    assert (status["exitCode"], status["failure"]["class"]) == (2, "Config")
    assert "spec.podTemplate" in status["failure"]["message"]
    assert field in status["failure"]["message"]


def test_code_that_is_too_large_for_a_pod_is_refused(runs: Runs) -> None:
    noise = "x = '" + random.Random(1).randbytes(220 * 1024).hex() + "'"
    document = run("large", code={"files": {"steps.py": noise}})
    document["metadata"]["annotations"] = {}
    runs.create(document)
    status = runs.wait("large", is_finished, NAMESPACE)
    assert (status["exitCode"], status["failure"]["class"]) == (2, "Config")
    assert "spec.code: " in status["failure"]["message"]


def test_a_pod_has_the_modules_of_the_config_map(cluster: ControlPlane, runs: Runs) -> None:
    modules = [f"--from-literal={it}" for it in ("text.py=def f(row): pass", "notes.txt=no code")]
    cluster.kubectl("delete", "configmap", "text-steps", "-n", NAMESPACE, "--ignore-not-found")
    cluster.kubectl("create", "configmap", "text-steps", "-n", NAMESPACE, *modules)
    document = run("configured")
    document["spec"]["code"]["configMap"] = "text-steps"
    runs.apply(document)
    annotations = pod_of(cluster, "configured")["metadata"]["annotations"]
    code = unpack(annotations["pipelinerun.dev/job"]).code
    assert code.config_map is None
    assert set(code.files) == {"steps.py", "text.py"}
    assert code.files["text.py"] == "def f(row): pass"


def test_a_pod_that_a_policy_refuses_is_told_and_tried_again(runs: Runs) -> None:
    runs.apply(run("refused", **with_container(securityContext={"runAsUser": 0})))
    status = runs.wait(
        "refused", lambda it: reasons(it).get("Succeeded") == ("Unknown", "PodRefused"), NAMESPACE
    )
    assert status["phase"] == "Starting"
    (message,) = {it["message"] for it in status["conditions"]}
    assert "runAsUser=0" in message


def tell(cluster: ControlPlane, pod: str, **status: Any) -> None:
    """Write a pod's status, as its kubelet does."""
    patch = ("patch", "pod", pod, "-n", NAMESPACE, "--subresource=status", "--type=merge")
    cluster.kubectl(*patch, "-p", json.dumps({"status": status}))


def container(**state: Any) -> list[Document]:
    about = {"name": "pipeline", "image": "", "imageID": "", "ready": False, "restartCount": 0}
    return [{**about, "state": state}]


def begun(cluster: ControlPlane, runs: Runs, name: str, **spec: Any) -> str:
    """A run whose pod runs, as far as anybody can see; gives the pod's name."""
    runs.apply(run(name, **spec))
    pod = str(pod_of(cluster, name)["metadata"]["name"])
    tell(cluster, pod, phase="Running", containerStatuses=container(running={}))
    runs.wait(name, in_phase("Running"), NAMESPACE)
    return pod


def was_stopped(cluster: ControlPlane, name: str) -> bool:
    return bool(pod_of(cluster, name)["spec"].get("activeDeadlineSeconds") == 1)


LATE = {"phase": "Failed", "reason": "DeadlineExceeded", "message": "Pod was active too long"}


def test_a_pod_that_has_not_begun_is_deleted_when_its_run_is_suspended(
    cluster: ControlPlane, runs: Runs
) -> None:
    runs.apply(run("held", suspend=True))
    runs.wait("held", in_phase("Suspended"), NAMESPACE)
    assert pods_of(cluster, "held") == []
    runs.change("held", NAMESPACE, suspend=False)
    pod_of(cluster, "held")
    runs.change("held", NAMESPACE, suspend=True)
    status = runs.wait("held", in_phase("Suspended"), NAMESPACE)
    assert pods_of(cluster, "held") == []
    assert [it["reason"] for it in status["attempts"]] == ["Suspended"]
    assert "infrastructureFailures" not in status
    runs.change("held", NAMESPACE, suspend=False)
    wait_for(lambda: bool(pods_of(cluster, "held")))
    assert pod_of(cluster, "held")["metadata"]["labels"]["pipelinerun.dev/attempt"] == "2"


def test_a_pod_that_runs_is_ended_by_its_kubelet_and_stays(
    cluster: ControlPlane, runs: Runs, operator: OperatorProcess
) -> None:
    pod = begun(cluster, runs, "ended", retries={"infrastructureLimit": 5})
    runs.change("ended", NAMESPACE, shutdown="Terminate")
    runs.wait("ended", in_phase("Stopping"), NAMESPACE)
    wait_for(lambda: was_stopped(cluster, "ended"))
    # Its container may run on for the length of its grace.
    tell(cluster, pod, **LATE)
    operator.stop(signal.SIGKILL)
    operator.start()
    runs.apply(run("marker-of-ended"))
    pod_of(cluster, "marker-of-ended")
    assert runs.status("ended", NAMESPACE)["phase"] == "Stopping"
    tell(cluster, pod, containerStatuses=container(terminated={"exitCode": 137}))
    status = runs.wait("ended", is_finished, NAMESPACE)
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 137)
    assert status["failure"]["class"] == "Cancelled"
    assert pod_of(cluster, "ended")["metadata"]["name"] == pod


def test_a_worker_that_cannot_be_told_to_drain_says_so(cluster: ControlPlane, runs: Runs) -> None:
    pod = begun(cluster, runs, "deaf")
    # Nobody listens there.
    tell(cluster, pod, podIP="127.0.0.77", podIPs=[{"ip": "127.0.0.77"}])
    runs.change("deaf", NAMESPACE, shutdown="Drain")
    unreachable = ("Unknown", "WorkerUnreachable")
    status = runs.wait("deaf", lambda it: reasons(it).get("Succeeded") == unreachable, NAMESPACE)
    assert status["phase"] == "Stopping"
    (message,) = {it["message"] for it in status["conditions"]}
    assert "127.0.0.77" in message
    assert not was_stopped(cluster, "deaf")
    runs.change("deaf", NAMESPACE, shutdown="Terminate")
    wait_for(lambda: was_stopped(cluster, "deaf"))
    ending = ("Unknown", "Terminating")
    runs.wait("deaf", lambda it: reasons(it).get("Succeeded") == ending, NAMESPACE)


def test_a_pod_that_was_through_before_it_was_ended_has_succeeded(
    cluster: ControlPlane, runs: Runs
) -> None:
    pod = begun(cluster, runs, "through")
    runs.change("through", NAMESPACE, suspend=True)
    wait_for(lambda: was_stopped(cluster, "through"))
    tell(cluster, pod, phase="Succeeded", containerStatuses=container(terminated={"exitCode": 0}))
    status = runs.wait("through", is_finished, NAMESPACE)
    assert (status["phase"], status["exitCode"]) == ("Succeeded", 0)


def test_a_suspended_pod_keeps_its_log(cluster: ControlPlane, runs: Runs) -> None:
    pod = begun(cluster, runs, "paused")
    runs.change("paused", NAMESPACE, suspend=True)
    wait_for(lambda: was_stopped(cluster, "paused"))
    tell(cluster, pod, **LATE, containerStatuses=container(terminated={"exitCode": 143}))
    status = runs.wait("paused", in_phase("Suspended"), NAMESPACE)
    assert (status["attempts"][0]["reason"], status["attempts"][0]["exitCode"]) == (
        "Suspended",
        143,
    )
    runs.change("paused", NAMESPACE, suspend=False)
    wait_for(lambda: len(pods_of(cluster, "paused")) == 2)


def test_a_pod_that_takes_too_long_is_ended(cluster: ControlPlane, runs: Runs) -> None:
    pod = begun(cluster, runs, "late", attemptDeadlineSeconds=3)
    wait_for(lambda: was_stopped(cluster, "late"))
    tell(cluster, pod, **LATE, containerStatuses=container(terminated={"exitCode": 143}))
    status = runs.wait("late", is_finished, NAMESPACE)
    assert (status["phase"], status["exitCode"]) == ("Failed", 124)
    assert reasons(status)["Succeeded"] == ("False", "AttemptDeadlineExceeded")


def test_a_pod_that_no_node_takes_in_time_is_given_up(cluster: ControlPlane, runs: Runs) -> None:
    runs.apply(run("unserved", pendingDeadlineSeconds=2))
    pod_of(cluster, "unserved")
    status = runs.wait("unserved", is_finished, NAMESPACE)
    assert (status["phase"], status["exitCode"]) == ("Failed", 124)
    assert reasons(status)["Succeeded"] == ("False", "PendingDeadlineExceeded")
    wait_for(lambda: not pods_of(cluster, "unserved"))


def test_a_run_whose_pod_is_refused_can_be_cancelled(runs: Runs) -> None:
    runs.apply(run("refused-again", **with_container(securityContext={"runAsUser": 0})))
    refused = ("Unknown", "PodRefused")
    runs.wait("refused-again", lambda it: reasons(it).get("Succeeded") == refused, NAMESPACE)
    runs.change("refused-again", NAMESPACE, shutdown="Drain")
    status = runs.wait("refused-again", is_finished, NAMESPACE)
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 143)


def finally_pod_of(cluster: ControlPlane, name: str) -> Document:
    """The pod of a run's finally stages, once it is there."""

    def found() -> list[Document]:
        return [it for it in pods_of(cluster, name) if FINALLY in it["metadata"]["labels"]]

    wait_for(lambda: bool(found()))
    (pod,) = found()
    return pod


def with_finally(name: str, **spec: Any) -> Document:
    document = run(name, **spec)
    document["spec"]["pipeline"]["finally"] = [{"name": "notify", "callable": "steps:drop"}]
    return document


def test_finally_stages_have_a_pod_of_their_own_and_survive_a_restart(
    cluster: ControlPlane, runs: Runs, operator: OperatorProcess
) -> None:
    runs.apply(with_finally("closing"))
    pod = str(pod_of(cluster, "closing")["metadata"]["name"])
    tell(cluster, pod, phase="Failed", containerStatuses=container(terminated={"exitCode": 7}))
    last = finally_pod_of(cluster, "closing")
    assert last["metadata"]["name"].startswith("closing-finally-")
    job = unpack(last["metadata"]["annotations"]["pipelinerun.dev/job"])
    assert job.verdict is not None
    assert (job.verdict.phase, job.verdict.exit_code, job.verdict.attempt) == ("Failed", 7, 1)
    operator.stop(signal.SIGKILL)
    words = Outcome(exit_code=1, failure=Failure(class_="User", stage="notify", message="no"))
    ended = {"exitCode": 1, "message": encode(words)}
    name = str(last["metadata"]["name"])
    tell(cluster, name, phase="Failed", containerStatuses=container(terminated=ended))
    operator.start()
    status = runs.wait("closing", is_finished, NAMESPACE)
    assert (status["phase"], status["exitCode"]) == ("Failed", 7)
    assert status["worker"]["pod"] == pod
    assert (status["finally"]["state"], status["finally"]["worker"]) == ("Failed", {"pod": name})
    assert status["finally"]["failure"]["stage"] == "notify"
    assert len(pods_of(cluster, "closing")) == 2


def test_a_lost_pod_of_finally_stages_is_made_once_more(cluster: ControlPlane, runs: Runs) -> None:
    runs.apply(with_finally("once-more", retries={"infrastructureLimit": 1}))
    pod_of(cluster, "once-more")
    runs.change("once-more", NAMESPACE, shutdown="Terminate")
    first = str(finally_pod_of(cluster, "once-more")["metadata"]["name"])
    wait_for(lambda: len(pods_of(cluster, "once-more")) == 1)  # the attempt's has not begun
    cluster.kubectl("delete", "pod", first, "-n", NAMESPACE)
    runs.wait("once-more", lambda it: it["finally"]["execution"] == 2, NAMESPACE)
    second = str(finally_pod_of(cluster, "once-more")["metadata"]["name"])
    assert second != first
    cluster.kubectl("delete", "pod", second, "-n", NAMESPACE)
    status = runs.wait("once-more", is_finished, NAMESPACE)
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 143)
    assert status["finally"]["failure"]["class"] == "Infrastructure"


def test_a_pod_of_finally_stages_that_is_late_is_given_up(
    cluster: ControlPlane, runs: Runs
) -> None:
    runs.apply(with_finally("given-up", finallyDeadlineSeconds=600))
    pod = str(pod_of(cluster, "given-up")["metadata"]["name"])
    tell(cluster, pod, phase="Succeeded", containerStatuses=container(terminated={"exitCode": 0}))
    finally_pod_of(cluster, "given-up")
    runs.change("given-up", NAMESPACE, finallyDeadlineSeconds=1)
    status = runs.wait("given-up", is_finished, NAMESPACE)
    assert (status["phase"], status["exitCode"]) == ("Succeeded", 0)
    assert status["finally"]["exitCode"] == 124
    wait_for(lambda: [it["metadata"]["name"] for it in pods_of(cluster, "given-up")] == [pod])
