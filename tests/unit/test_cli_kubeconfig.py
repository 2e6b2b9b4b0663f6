"""Which kubeconfig, context and namespace count, and what errors say."""

import json
import os
from pathlib import Path

import pytest

from pipelinerun.cli.cluster.errors import ClusterError, of_answer
from pipelinerun.cli.cluster.kubeconfig import context_of, files, read
from pipelinerun.cli.cluster.printing import Format, printed
from pipelinerun.cli.cluster.similar import no_run

FIRST = {
    "current-context": "a",
    "contexts": [{"name": "a", "context": {"namespace": "team-a"}}, {"name": "b", "context": {}}],
}
SECOND = {
    "current-context": "c",
    "contexts": [{"name": "c"}, {"name": "a", "context": {"namespace": "other"}}],
}


def test_the_first_file_to_say_something_wins() -> None:
    assert context_of([FIRST, SECOND], None) == ("a", "team-a")
    assert context_of([SECOND, FIRST], None) == ("c", None)
    assert context_of([{"current-context": ""}, FIRST], None) == ("a", "team-a")


def test_a_context_that_is_named_wins() -> None:
    assert context_of([FIRST, SECOND], "b") == ("b", None)


def test_a_context_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(ClusterError, match="no context 'd'; there are: a, b, c"):
        context_of([FIRST, SECOND], "d")
    with pytest.raises(ClusterError, match="no current context"):
        context_of([{}], None)


def test_files_come_from_the_option_then_the_environment(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for path in (one, two):
        path.touch()
    environment = {"KUBECONFIG": os.pathsep.join([str(two), "", "/nowhere", str(one)])}
    assert files(str(one), environment) == [one]
    assert files(None, environment) == [two, one]
    assert files(None, {"KUBECONFIG": "/nowhere"}) == []
    with pytest.raises(ClusterError, match="there is no kubeconfig /nowhere"):
        files("/nowhere", environment)


def test_a_file_that_is_no_kubeconfig_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("")
    assert read([path]) == []
    for text in ("- a", "a: ["):
        path.write_text(text)
        with pytest.raises(ClusterError, match=str(path)):
            read([path])


def test_the_api_server_is_quoted_where_it_says_something() -> None:
    body = json.dumps({"kind": "Status", "message": 'pipelineruns "x" is forbidden'})
    assert of_answer(403, body) == 'pipelineruns "x" is forbidden'
    assert "does not accept the credentials" in of_answer(401, body)
    assert "is the operator installed?" in of_answer(404, "404 page not found")
    assert of_answer(502, "Bad Gateway") == "the API server answered 502: Bad Gateway"


def test_a_run_that_is_not_there_is_told_with_similar_names() -> None:
    names = ["text", "text-x7k2p", "flights"]
    told = "there is no PipelineRun 'txet' in namespace 'team'; did you mean text?"
    assert no_run("txet", "team", names) == told
    assert no_run("other", "team", names) == "there is no PipelineRun 'other' in namespace 'team'"


def test_objects_are_printed_as_kubectl_prints_them() -> None:
    body = {"metadata": {"name": "text-1", "managedFields": []}, "spec": {"a": 1}}
    shown = {"metadata": {"name": "text-1"}, "spec": {"a": 1}}
    assert printed(body, None, "created") == "pipelinerun.pipelinerun.dev/text-1 created"
    assert printed(body, Format.NAME, "created") == "pipelinerun.pipelinerun.dev/text-1"
    assert json.loads(printed(body, Format.JSON, "created")) == shown
    assert printed(body, Format.YAML, "created") == "metadata:\n  name: text-1\nspec:\n  a: 1"
