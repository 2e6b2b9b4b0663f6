"""Options that come from the environment."""

import re
from pathlib import Path

import pytest
import typer.main

from pipelinerun.cli.app import app

CHART = Path(__file__).parents[2] / "charts" / "pipelinerun-operator"
DEPLOYMENT = (CHART / "templates" / "deployment.yaml").read_text()


def options(command: str) -> set[str]:
    (found,) = (it for name, it in typer.main.get_group(app).commands.items() if name == command)
    return {str(parameter.name) for parameter in found.params}


@pytest.mark.parametrize(("command", "container"), [("operator", "operator"), ("gateway", "ray")])
def test_each_variable_in_the_chart_is_an_option(command: str, container: str) -> None:
    text = DEPLOYMENT.partition(f"- name: {container}\n")[2]
    text = text.partition("- name: ray\n")[0]
    names = {it.lower() for it in re.findall(r"name: PIPELINERUN_([A-Z_]+)", text)}
    assert names
    assert names <= options(command)
