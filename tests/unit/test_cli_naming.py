"""Names of runs as users give them."""

import pytest

from pipelinerun.cli.cluster.errors import ClusterError
from pipelinerun.cli.cluster.naming import no_run, run_name


@pytest.mark.parametrize(
    "text",
    [
        "text",
        "prun/text",
        "pipelineruns/text",
        "PipelineRun/text",
        "pipelinerun.pipelinerun.dev/text",
    ],
)
def test_a_run_is_named_alone_or_with_its_kind(text: str) -> None:
    assert run_name(text) == "text"


@pytest.mark.parametrize("text", ["pod/text", "prun/", "", "prun.example.com/text"])
def test_what_names_no_run_is_refused(text: str) -> None:
    with pytest.raises(ClusterError):
        run_name(text)


def test_a_run_that_is_not_there_is_told_with_similar_names() -> None:
    names = ["text", "text-x7k2p", "flights"]
    told = "there is no PipelineRun 'txet' in namespace 'team'; did you mean text?"
    assert no_run("txet", "team", names) == told
    assert no_run("other", "team", names) == "there is no PipelineRun 'other' in namespace 'team'"


def test_a_run_of_another_namespace_is_told_with_the_option_that_finds_it() -> None:
    assert no_run("text", "team", ["texts"], ["a", "b"]).endswith(
        "there is one in a and b: add -n a"
    )
