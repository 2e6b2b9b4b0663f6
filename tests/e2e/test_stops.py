"""Runs that are cancelled, drained, suspended, late or deleted, on a real node."""

from typing import Any

import pytest

from tests.cluster.node import Cluster
from tests.support.installation import WORKERS
from tests.support.pods import HEARS_NOTHING, PATIENCE, WAITS, log_of, pods_of, small_run, works
from tests.support.runs import Document, Runs, in_phase, is_finished, reasons, stage
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("operator")

ENDLESS: Document = {
    "name": "endless",
    "type": "source",
    "callable": "steps:endless",
    "config": {"pause": 0.1},
}
SILENT: Document = {"name": "silent", "type": "source", "callable": "waiting:say_no_more"}
"""A source that waits for what never comes, and looks at nothing else."""
RUNS: dict[str, dict[str, Any]] = {
    "ended": {},
    "hurried": {"stage": HEARS_NOTHING, "terminationGracePeriodSeconds": 1},
    "silent": {
        "stage": stage("square", "square"),
        "source": SILENT,
        "terminationGracePeriodSeconds": 1,
    },
    "drained": {"stage": stage("square", "square"), "source": ENDLESS},
    "paused": {},
    "overdue": {},
    "overdue-attempt": {},
    "unwanted": {},
}


def document(name: str, kind: str) -> Document:
    spec = {"terminationGracePeriodSeconds": 120, **RUNS[kind]}
    return small_run(name, spec.pop("stage", WAITS), **spec)


@pytest.fixture(scope="module")
def fresh(runs: Runs) -> set[str]:
    """All of them start at once. Those that a test has had are taken out."""
    for name in RUNS:
        runs.apply(document(name, name))
    return {*RUNS}


def flows(status: Document) -> bool:
    """Whether rows have come out of a stage."""
    return any(it["rowsOut"] for it in status.get("stages", []))


def begun(runs: Runs, fresh: set[str], kind: str) -> str:
    """A run that works; gives its name."""
    name = kind
    if kind not in fresh:
        name = f"{kind}-again"  # the test is tried once more
        runs.apply(document(name, kind))
    fresh.discard(kind)
    if kind in {"drained", "silent"}:
        # That the source has begun is no sign that a row is on its way.
        runs.wait(name, flows, WORKERS, PATIENCE)
    else:
        works(runs, name)
    return name


def ended_with(cluster: Cluster, pod: Document) -> tuple[str, int]:
    """Phase and exit code of a pod, once its kubelet has told both."""
    place = ("pod", pod["metadata"]["name"], "-n", WORKERS)
    wait_for(lambda: cluster.get(*place)["status"]["phase"] in {"Succeeded", "Failed"})
    status = cluster.get(*place)["status"]
    (state,) = status["containerStatuses"]
    return status["phase"], state["state"]["terminated"]["exitCode"]


def test_a_cancelled_run_ends_within_its_grace_and_keeps_pod_and_log(
    cluster: Cluster, runs: Runs, fresh: set[str]
) -> None:
    name = begun(runs, fresh, "ended")
    runs.change(name, WORKERS, shutdown="Terminate")
    status = runs.wait(name, is_finished, WORKERS, PATIENCE)
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 143), status
    assert status["failure"]["class"] == "Cancelled"
    (pod,) = pods_of(cluster, name)
    assert ended_with(cluster, pod) == ("Failed", 143)
    wait_for(lambda: not cluster.processes_of(pod))
    assert "row 0 of attempt 1" in log_of(cluster, pod)


@pytest.mark.parametrize("kind", ["hurried", "silent"])
def test_a_run_that_does_not_end_within_its_grace_is_ended_by_force(
    cluster: Cluster, runs: Runs, fresh: set[str], kind: str
) -> None:
    name = begun(runs, fresh, kind)
    runs.change(name, WORKERS, shutdown="Terminate")
    status = runs.wait(name, is_finished, WORKERS, PATIENCE)
    # Whether the pipeline gives up first or is killed is a matter of moments.
    assert (status["phase"], status["exitCode"] in {137, 143}) == ("Cancelled", True), status
    (pod,) = pods_of(cluster, name)
    assert ended_with(cluster, pod) == ("Failed", status["exitCode"])
    wait_for(lambda: not cluster.processes_of(pod))


def test_a_drained_run_loses_nothing(cluster: Cluster, runs: Runs, fresh: set[str]) -> None:
    name = begun(runs, fresh, "drained")
    runs.change(name, WORKERS, shutdown="Drain")
    status = runs.wait(name, is_finished, WORKERS, PATIENCE)
    assert (status["phase"], status["exitCode"]) == ("Cancelled", 0), status
    assert "failure" not in status
    first, *_, last = status["stages"]
    assert first["rowsOut"] == last["rowsIn"] > 0
    (pod,) = pods_of(cluster, name)
    assert ended_with(cluster, pod) == ("Succeeded", 0)
    told = [reason for _, reason in runs.events(name, WORKERS)]
    assert told[:1] == ["Draining"]


def test_a_suspended_run_starts_anew_and_has_failed_nothing(
    cluster: Cluster, runs: Runs, fresh: set[str]
) -> None:
    name = begun(runs, fresh, "paused")
    runs.change(name, WORKERS, suspend=True)
    status = runs.wait(name, in_phase("Suspended"), WORKERS, PATIENCE)
    (attempt,) = status["attempts"]
    assert (attempt["reason"], attempt["exitCode"]) == ("Suspended", 143)
    (first,) = pods_of(cluster, name)
    assert ended_with(cluster, first) == ("Failed", 143)
    runs.change(name, WORKERS, suspend=False)
    status = runs.wait(name, is_finished, WORKERS, PATIENCE)
    assert (status["phase"], status["exitCode"], status["attempt"]) == ("Succeeded", 0, 2), status
    assert not {"userFailures", "infrastructureFailures", "ignoredFailures"} & status.keys()
    first, second = pods_of(cluster, name)
    assert "row 0 of attempt 1" in log_of(cluster, first)
    assert "row 0 of attempt 2" in log_of(cluster, second)


@pytest.mark.parametrize(
    ("kind", "field", "reason"),
    [
        ("overdue", "activeDeadlineSeconds", "DeadlineExceeded"),
        ("overdue-attempt", "attemptDeadlineSeconds", "AttemptDeadlineExceeded"),
    ],
)
def test_a_run_that_is_late_is_ended_and_keeps_its_log(
    cluster: Cluster, runs: Runs, fresh: set[str], kind: str, field: str, reason: str
) -> None:
    name = begun(runs, fresh, kind)
    runs.change(name, WORKERS, **{field: 1})
    status = runs.wait(name, is_finished, WORKERS, PATIENCE)
    assert (status["phase"], status["exitCode"]) == ("Failed", 124), status
    assert status["failure"]["class"] == "Timeout"
    assert reasons(status)["Succeeded"] == ("False", reason)
    (pod,) = pods_of(cluster, name)
    assert ended_with(cluster, pod) == ("Failed", 143)
    assert "row 0 of attempt 1" in log_of(cluster, pod)


def test_a_run_that_no_node_takes_in_time_is_given_up(cluster: Cluster, runs: Runs) -> None:
    nowhere = small_run("unplaced", pod={"nodeSelector": {"sea": "dry"}}, pendingDeadlineSeconds=3)
    status = runs.finish(nowhere)
    assert (status["phase"], status["exitCode"]) == ("Failed", 124), status
    assert status["failure"]["class"] == "Timeout"
    assert reasons(status)["Succeeded"] == ("False", "PendingDeadlineExceeded")
    assert "node" in status["failure"]["message"]
    wait_for(lambda: not pods_of(cluster, "unplaced"))


def test_a_run_that_is_deleted_leaves_no_pod_and_no_process(
    cluster: Cluster, runs: Runs, fresh: set[str]
) -> None:
    name = begun(runs, fresh, "unwanted")
    (pod,) = pods_of(cluster, name)
    assert cluster.processes_of(pod)
    runs.delete(name, WORKERS)
    wait_for(lambda: not pods_of(cluster, name))
    wait_for(lambda: not cluster.processes_of(pod))
