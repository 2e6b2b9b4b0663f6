"""What an operator counts while it carries out runs."""

from pathlib import Path

import pytest
from prometheus_client.exposition import generate_latest

from pipelinerun.api.job import RunIdentity
from pipelinerun.api.metrics import LABELS, MEMORY_LIMIT, OF_OPERATOR, OF_RUNS, OF_WORKER
from pipelinerun.api.status import StageStatus
from pipelinerun.worker.board import Board
from pipelinerun.worker.metrics import registry_of as worker_metrics
from tests.apiserver.conftest import OPERATOR
from tests.cluster.controlplane import ControlPlane, free_ports
from tests.support.operator import OperatorProcess
from tests.support.promtool import promtool
from tests.support.runs import Runs, manifest, stage
from tests.support.scraping import Scrape, answers, scrape
from tests.support.waiting import wait_for

ONCE = {"limit": 1, "backoff": {"initialSeconds": 0.1}}


@pytest.mark.usefixtures("operator")
def test_runs_are_counted_by_how_they_end(runs: Runs, metrics_port: int) -> None:
    before = scrape(metrics_port)
    runs.finish(manifest("counted", stage("square", "square")))
    runs.finish(manifest("counted-failure", stage("wrong", "wrong"), retries=ONCE))

    def added(name: str, **labels: str) -> float:
        return scrape(metrics_port).value(name, **labels) - before.value(name, **labels)

    wait_for(lambda: added("pipelinerun_run_api_writes_count", mode="InProcess") == 2)
    ends = {"mode": "InProcess", "failure_class": ""}
    assert added("pipelinerun_runs_finished_total", outcome="Succeeded", **ends) == 1
    assert added("pipelinerun_runs_finished_total", outcome="Failed", failure_class="User") == 1
    assert added("pipelinerun_runs_finished_total") == 2
    assert added("pipelinerun_attempts_total", reason="Completed", mode="InProcess") == 1
    assert added("pipelinerun_attempts_total", reason="PipelineFailed", mode="InProcess") == 2
    assert added("pipelinerun_retries_total", budget="user", mode="InProcess") == 1
    assert added("pipelinerun_retries_total") == 1
    for histogram in ("run_duration_seconds", "run_queue_wait_seconds"):
        assert added(f"pipelinerun_{histogram}_count", mode="InProcess") == 2
    assert added("pipelinerun_stage_rows_total", direction="out", mode="InProcess") >= 10
    # The budget of a run that succeeds, and a retry with its event and its start besides.
    assert added("pipelinerun_run_api_writes_sum") <= 5 + 5 + 3
    assert scrape(metrics_port).value("pipelinerun_runs", phase="Succeeded") >= 1


@pytest.mark.usefixtures("operator")
def test_what_is_scraped_is_what_is_declared_and_promtool_has_nothing_to_say(
    metrics_port: int,
) -> None:
    shown = scrape(metrics_port)
    assert promtool("check", "metrics", given=shown.text) == ""
    declared = {it.name: it for it in (*OF_RUNS, *OF_OPERATOR)}
    ours = {name: text for name, text in shown.helps.items() if name.startswith("pipelinerun_")}
    optional = {MEMORY_LIMIT.name}
    assert set(ours) | optional == set(declared)
    assert ours == {name: declared[name].help for name in ours}
    for sample in shown.samples:
        if sample.name.startswith("pipelinerun_"):
            assert unknown(sample.labels) == []


def test_what_a_worker_shows_is_what_is_declared() -> None:
    board = Board()
    board.update([StageStatus(name="numbers", rows_out=5, replicas=1)])
    identity = RunIdentity(name="run", namespace="team", uid="1", attempt=2)
    shown = Scrape(generate_latest(worker_metrics(identity, board)).decode())
    assert promtool("check", "metrics", given=shown.text) == ""
    assert shown.helps == {it.name: it.help for it in OF_WORKER}
    where = {"namespace": "team", "run": "run"}
    assert shown.value("pipelinerun_worker_stage_rows_out_total", **where, stage="numbers") == 5
    assert shown.value("pipelinerun_worker_elapsed_seconds", **where, attempt="2") > 0


def unknown(labels: dict[str, str]) -> list[str]:
    """Labels whose value is none of those that are declared."""
    bound = {name: label.values for name, label in LABELS.items() if label.values}
    return [name for name, value in labels.items() if name in bound and value not in bound[name]]


def test_an_operator_that_starts_anew_counts_nothing_again(
    cluster: ControlPlane, runs: Runs, tmp_path: Path
) -> None:
    cluster.kubectl("create", "namespace", "counting", check=False)
    port = free_ports(1)[0]
    options = ("-n", "counting", "--no-in-process", "--http-port", str(port))
    operator = OperatorProcess(cluster.kubeconfig_for(OPERATOR), tmp_path / "log", *options)

    def there_are(count: int) -> Scrape:
        wait_for(lambda: answers(port))
        wait_for(lambda: scrape(port).value("pipelinerun_runs", phase="Failed") == count)
        return scrape(port)

    def ended(shown: Scrape) -> float:
        return shown.value("pipelinerun_runs_finished_total", failure_class="Config")

    operator.start()
    try:
        runs.finish(manifest("refused", namespace="counting"))
        assert ended(there_are(1)) == 1
        operator.stop()
        operator.start()
        assert ended(there_are(1)) == 0
        runs.finish(manifest("refused-too", namespace="counting"))
        assert ended(there_are(2)) == 1
    finally:
        operator.stop()
