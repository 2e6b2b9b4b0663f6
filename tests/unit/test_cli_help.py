import pytest
from typer.testing import CliRunner

from pipelinerun.cli.app import app

NAMES = [it.name or str(it.callback.__name__) for it in app.registered_commands if it.callback]


@pytest.mark.parametrize("name", NAMES)
def test_help_cuts_nothing_at_80_columns(name: str) -> None:
    said = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "80"})
    assert said.exit_code == 0
    assert "--help" in said.stdout
    assert "…" not in said.stdout
    assert max(map(len, said.stdout.splitlines())) <= 80
