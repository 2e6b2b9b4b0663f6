"""The dashboard's queries, and the check by which they and the alerts are judged."""

import re

import pytest

from pipelinerun.api.metrics import LABELS, OF_OPERATOR, OF_RUNS, OF_WORKER
from tests.support.dashboard import DASHBOARD, PANELS, QUERIES
from tests.support.helm import ROOT
from tests.support.promql import SERIES, problems, used

PAGE = ROOT / "docs" / "monitoring.md"


@pytest.mark.parametrize("title", PANELS)
def test_a_panel_asks_for_what_there_is(title: str) -> None:
    for query in QUERIES[title]:
        assert problems(query) == []


def test_the_questions_of_the_page_ask_for_what_there_is() -> None:
    queries = re.findall(r"^\| .* \| `(.*\(.*)` \|$", PAGE.read_text(), re.MULTILINE)
    assert len(queries) == 4
    for query in queries:
        assert problems(query) == []


@pytest.mark.parametrize("title", PANELS)
def test_the_lines_of_a_panel_can_be_told_apart(title: str) -> None:
    legends = [target["legendFormat"] for target in PANELS[title]["targets"]]
    assert len({*legends}) == len(legends)


def test_panels_stand_beside_each_other() -> None:
    cells = [
        (place["x"] + x, place["y"] + y)
        for place in (it["gridPos"] for it in DASHBOARD["panels"])
        for x in range(place["w"])
        for y in range(place["h"])
    ]
    assert len({*cells}) == len(cells)


def test_every_metric_of_runs_is_on_the_dashboard() -> None:
    shown = {
        SERIES[name].name for queries in QUERIES.values() for it in queries for name in used(it)
    }
    missing = {it.name for it in OF_RUNS} - shown
    assert missing == {"pipelinerun_stage_errors_total"}


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("pipelinerun_gone", "there is no metric pipelinerun_gone"),
        ("pipelinerun_run_duration_seconds", "there is no metric pipelinerun_run_duration_seconds"),
        ('pipelinerun_runs{mode="x"}', "pipelinerun_runs has no label mode"),
        ('sum(pipelinerun_runs{phase=~"Failed|Lost"}) > 1', "phase is never Failed|Lost"),
        ("rate(pipelinerun_queue_depth[5m])", "pipelinerun_queue_depth does not count"),
        ("sum by (mode) (pipelinerun_runs)", "nothing has a label mode to group by"),
        ("pipelinerun_runs / on (le) pipelinerun_runs", "nothing has a label le to group by"),
    ],
)
def test_a_query_that_does_not_fit_is_found(query: str, problem: str) -> None:
    assert problem in problems(query)


def test_every_label_is_declared_and_used() -> None:
    labels = {name for it in (*OF_RUNS, *OF_OPERATOR, *OF_WORKER) for name in it.labels}
    assert labels == {*LABELS}
