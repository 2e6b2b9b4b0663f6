"""Argo CD's scripts, run by the Lua that Argo CD has, over every phase a run can be in."""

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from lupa import lua51

from pipelinerun.api.status import TERMINAL_PHASES, Phase, PipelineRunStatus
from pipelinerun.core import status as build
from tests.support.decisions import NOW, failed, success

CONFIG = Path(__file__).resolve().parents[2] / "deploy" / "argo-cd" / "argocd-cm.yaml"
DATA: dict[str, str] = yaml.safe_load(CONFIG.read_text())["data"]
HEALTH = DATA["resource.customizations.health.pipelinerun.dev_PipelineRun"]
ACTIONS = yaml.safe_load(DATA["resource.customizations.actions.pipelinerun.dev_PipelineRun"])
SCRIPTS = {it["name"]: it["action.lua"] for it in ACTIONS["definitions"]}

HEALTH_OF: dict[Phase, str] = dict.fromkeys(get_args(Phase), "Progressing") | {
    "Suspended": "Suspended",
    "Succeeded": "Healthy",
    "Failed": "Degraded",
    "Cancelled": "Degraded",
}


def script(source: str, obj: dict[str, Any]) -> Any:
    """What a script answers about an object."""
    lua = lua51.LuaRuntime(register_eval=False, register_builtins=False)
    lua.globals().obj = lua.table_from(obj, recursive=True)
    return lua.execute(source)


def run(status: PipelineRunStatus | None, generation: int = 3, **spec: Any) -> dict[str, Any]:
    """A run as Argo CD hands it to a script."""
    document: dict[str, Any] = {"metadata": {"generation": generation}, "spec": spec}
    if status is not None:
        document["status"] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return document


def in_phase(phase: Phase) -> PipelineRunStatus:
    status = build.in_phase(
        PipelineRunStatus(), phase, "Reason", "What happened", generation=3, now=NOW
    )
    finished = "2026-01-31T12:00:00Z" if phase in TERMINAL_PHASES else None
    return status.model_copy(update={"completion_time": finished})


@pytest.mark.parametrize("phase", get_args(Phase))
def test_each_phase_has_a_health_and_says_why(phase: Phase) -> None:
    health = script(HEALTH, run(in_phase(phase)))
    assert (health["status"], health["message"]) == (HEALTH_OF[phase], "Reason: What happened")


def test_a_run_that_no_operator_has_seen_is_progressing() -> None:
    assert script(HEALTH, run(None))["status"] == "Progressing"


def test_a_change_that_was_not_seen_yet_is_progressing() -> None:
    assert script(HEALTH, run(in_phase("Suspended"), generation=4))["status"] == "Progressing"


def test_a_finished_run_keeps_its_health_whatever_is_changed_later() -> None:
    assert script(HEALTH, run(in_phase("Succeeded"), generation=4))["status"] == "Healthy"
    assert script(HEALTH, run(in_phase("Failed"), generation=4))["status"] == "Degraded"


@pytest.mark.parametrize(("outcome", "expected"), [(success(), "Healthy"), (failed(), "Degraded")])
def test_what_the_operator_writes_at_the_end_is_understood(outcome: Any, expected: str) -> None:
    status = build.finished(PipelineRunStatus(), outcome, generation=3, now=NOW)
    assert script(HEALTH, run(status))["status"] == expected


@pytest.mark.parametrize(
    ("spec", "offered"),
    [
        ({}, {"suspend", "drain", "terminate"}),
        ({"suspend": True}, {"resume", "drain", "terminate"}),
        ({"shutdown": "Drain"}, {"terminate"}),
        ({"shutdown": "Terminate"}, set()),
    ],
)
def test_only_actions_that_change_something_are_offered(
    spec: dict[str, Any], offered: set[str]
) -> None:
    found = script(ACTIONS["discovery.lua"], run(in_phase("Running"), **spec))
    assert {name for name, action in found.items() if not action["disabled"]} == offered
    assert set(found) == set(SCRIPTS)


@pytest.mark.parametrize("phase", sorted(TERMINAL_PHASES))
def test_a_finished_run_offers_no_action(phase: Phase) -> None:
    found = script(ACTIONS["discovery.lua"], run(in_phase(phase)))
    assert all(action["disabled"] for action in found.values())


@pytest.mark.parametrize(
    ("action", "field", "value"),
    [
        ("suspend", "suspend", True),
        ("resume", "suspend", False),
        ("drain", "shutdown", "Drain"),
        ("terminate", "shutdown", "Terminate"),
    ],
)
def test_an_action_sets_its_field_and_nothing_else(action: str, field: str, value: Any) -> None:
    changed = script(SCRIPTS[action], run(in_phase("Running"), mode="InProcess"))
    assert dict(changed["spec"].items()) == {"mode": "InProcess", field: value}
