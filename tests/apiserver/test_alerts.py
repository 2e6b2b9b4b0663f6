"""The alerts as Helm renders them and the dashboard, by what Prometheus' own tool says to them."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.controlplane import ControlPlane
from tests.support.dashboard import QUERIES, everything
from tests.support.helm import ROOT, Helm
from tests.support.promql import problems
from tests.support.promtool import promtool

TESTS = Path(__file__).parent / "alerts.yaml"
VALUES = {
    "fullnameOverride": "release",
    "prometheusRule": {"enabled": True, "runbooks": "https://docs/monitoring"},
}


@pytest.fixture(scope="module")
def groups(cluster: ControlPlane) -> list[dict[str, Any]]:
    """The groups of rules in a release."""
    (rule,) = (it for it in Helm(cluster).render(VALUES) if it["kind"] == "PrometheusRule")
    found: list[dict[str, Any]] = rule["spec"]["groups"]
    return found


@pytest.fixture(scope="module")
def rules(groups: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in a file, as Prometheus reads it."""
    path = tmp_path_factory.mktemp("alerts") / "alerts-rules.yaml"
    path.write_text(yaml.safe_dump({"groups": groups}))
    return path


def names_of(groups: list[dict[str, Any]]) -> list[str]:
    return [rule["alert"] for group in groups for rule in group["rules"]]


def test_promtool_has_nothing_to_say_against_the_rules(rules: Path) -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", rules)


def test_each_alert_fires_when_it_should_and_only_then(
    groups: list[dict[str, Any]], rules: Path
) -> None:
    promtool("test", "rules", shutil.copy(TESTS, rules.parent))
    fired = re.findall(r'{alertname="(\w+)"}', TESTS.read_text())
    assert {*fired} == {*names_of(groups)}


def test_alerts_ask_for_what_there_is(groups: list[dict[str, Any]]) -> None:
    for group in groups:
        for rule in group["rules"]:
            assert problems(rule["expr"]) == []


def test_each_alert_says_how_bad_it_is_and_has_a_place_in_the_runbook(
    groups: list[dict[str, Any]],
) -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text()
    headings = re.findall(r"^### (\w+)$", page, re.MULTILINE)
    assert [it for it in headings if it.startswith("PipelineRun")] == names_of(groups)
    for group in groups:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in {"critical", "warning"}
            assert {"summary", "description"} <= set(rule["annotations"])


def test_each_panel_shows_something(tmp_path: Path) -> None:
    expected = [{"labels": "{}", "value": 1}]
    asked = [
        {"expr": f"count({query}) > bool 0", "eval_time": "15m", "exp_samples": expected}
        for queries in QUERIES.values()
        for query in queries
    ]
    path = tmp_path / "panels.yaml"
    case = {"interval": "1m", "input_series": everything(), "promql_expr_test": asked}
    path.write_text(yaml.safe_dump({"rule_files": [], "tests": [case]}))
    promtool("test", "rules", path)
