"""Which kubeconfig, context and namespace count, and what errors say."""

import json
import os
from pathlib import Path

import pytest

from pipelinerun.cli.cluster.errors import ClusterError, of_answer, passing, unreachable
from pipelinerun.cli.cluster.kubeconfig import context_of, files, missing, read
from pipelinerun.cli.cluster.printing import Format, all_in_form, printed

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


def test_where_no_kubeconfig_is_there_it_is_told_where_it_was_looked_for() -> None:
    assert "~/.kube/config is not there" in missing({})
    assert "KUBECONFIG names /nowhere" in missing({"KUBECONFIG": "/nowhere"})


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, "the server said"),
        (401, "log in again"),
        (403, "the server said. Ask your administrator for the right"),
        (409, "the server said. Somebody else has changed it meanwhile: try again"),
        (422, "the server said"),
        (429, "Try again in a while"),
        (503, "the API server has trouble (503): the server said"),
    ],
)
def test_the_api_server_is_quoted_and_what_to_do_is_added(status: int, expected: str) -> None:
    body = json.dumps({"kind": "Status", "message": "the server said"})
    assert expected in of_answer(status, body)


def test_an_answer_without_words_is_explained() -> None:
    assert "the operator is not installed" in of_answer(404, "404 page not found")
    assert "trouble (502): Bad Gateway" in of_answer(502, "Bad Gateway")
    assert "no safe connection to the API server: SSLError [SSL] no." in of_answer(
        0, "SSLError\n[SSL] no"
    )
    assert of_answer(418, "teapot") == "the API server answered 418: teapot"


def test_a_server_that_is_not_reached_is_told_with_the_root_of_it() -> None:
    outer = Exception("outer")
    outer.reason = ConnectionRefusedError("refused")  # type: ignore[attr-defined]
    assert unreachable(outer).startswith(
        "the API server cannot be reached: refused. Is the cluster"
    )


def test_only_trouble_that_passes_is_waited_for() -> None:
    assert [it for it in (None, 0, 400, 401, 403, 404, 409, 410, 429, 500, 503) if passing(it)] == [
        *(None, 0, 410, 429, 500, 503)
    ]


def test_objects_are_printed_as_kubectl_prints_them() -> None:
    body = {"metadata": {"name": "text-1", "managedFields": []}, "spec": {"a": 1}}
    shown = {"metadata": {"name": "text-1"}, "spec": {"a": 1}}
    assert printed(body, None, "created") == "pipelinerun.pipelinerun.dev/text-1 created"
    assert printed(body, Format.NAME, "created") == "pipelinerun.pipelinerun.dev/text-1"
    assert json.loads(printed(body, Format.JSON, "created")) == shown
    assert printed(body, Format.YAML, "created") == "metadata:\n  name: text-1\nspec:\n  a: 1"
    assert all_in_form([body, body], Format.NAME) == "\n".join(
        ["pipelinerun.pipelinerun.dev/text-1"] * 2
    )
    assert json.loads(all_in_form([body], Format.JSON)) == {
        "apiVersion": "v1",
        "kind": "List",
        "metadata": {},
        "items": [shown],
    }
