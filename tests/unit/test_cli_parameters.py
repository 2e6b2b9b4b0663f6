"""Parameters, and the stage to start at, of the command line."""

import pytest
import typer

from pipelinerun.api.run import PipelineRun
from pipelinerun.cli.run import parse_params, with_params, with_start
from tests.support.definitions import line, manifest


@pytest.mark.parametrize(
    ("texts", "given"),
    [
        ([], {}),
        (["a=1", "b=x y"], {"a": "1", "b": "x y"}),
        (["a="], {"a": ""}),
        (["a=b=c"], {"a": "b=c"}),
        (["a=1", "a=2"], {"a": "2"}),
    ],
)
def test_parameters_are_names_and_values(texts: list[str], given: dict[str, str]) -> None:
    assert parse_params(texts) == given


@pytest.mark.parametrize("text", ["a", "", "=1"])
def test_what_is_no_name_and_value_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="NAME=VALUE"):
        parse_params([text])


def test_parameters_of_the_command_line_win() -> None:
    params = [{"name": name, "value": "file"} for name in ("a", "b")]
    document = manifest({"pipeline": {"stages": line(2)}, "params": params})
    changed = with_params(PipelineRun.model_validate(document), {"b": "given", "not a name": ""})
    assert {it.name: it.value for it in changed.spec.params} == {
        "a": "file",
        "b": "given",
        "not a name": "",
    }


def test_the_start_of_the_command_line_wins() -> None:
    document = manifest({"pipeline": {"stages": line(3)}, "resumeFrom": "s1"})
    run = PipelineRun.model_validate(document)
    assert with_start(run, None).spec.resume_from == "s1"
    assert with_start(run, "s2").spec.resume_from == "s2"
