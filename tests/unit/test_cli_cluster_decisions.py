"""What commands about runs on a cluster decide: which runs, what is asked of them, what is sent."""

from typing import Any

import pytest

from pipelinerun.api.load import load_manifest
from pipelinerun.cli.cluster.ages import elapsed, human, seconds_of
from pipelinerun.cli.cluster.ending import how, where
from pipelinerun.cli.cluster.errors import ClusterError
from pipelinerun.cli.cluster.selecting import selected
from pipelinerun.cli.cluster.submitted import (
    document,
    named,
    namespace_of,
    prefix,
    there_already,
)
from pipelinerun.cli.cluster.wishes import to_cancel, to_resume, to_suspend
from pipelinerun.cli.completion import question
from pipelinerun.cli.text import cleaned, one_line
from tests.support.described import run_with

BARE = "stages: [{name: a, type: source, callable: 'a:a'}, {name: b, type: sink, callable: 'a:b'}]"


def test_runs_are_selected_by_phase_and_the_newest_comes_first() -> None:
    old = run_with("Failed", metadata={"name": "old", "creationTimestamp": "2026-01-01T00:00:00Z"})
    new = run_with("Failed", metadata={"name": "new", "creationTimestamp": "2026-01-02T00:00:00Z"})
    unseen = run_with(None)
    assert selected([old, unseen, new], {"Failed"}) == [new, old]
    assert selected([old, unseen], {"Pending"}) == [unseen]
    assert len(selected([old, unseen, new], ())) == 3


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0, "0s"), (59, "59s"), (60, "1m"), (312, "5m12s"), (720, "12m"), (3600, "1h")),
        *((11100, "3h5m"), (30000, "8h"), (93600, "1d2h"), (950400, "11d"), (-5, "0s")),
    ],
)
def test_lengths_of_time_have_at_most_two_units(seconds: int, text: str) -> None:
    assert human(seconds) == text


def test_short_times_have_tenths() -> None:
    assert [elapsed(it) for it in (None, 0.04, 59.94, 61)] == ["", "0.0s", "59.9s", "1m1s"]


def test_times_are_given_as_to_kubectl() -> None:
    assert [seconds_of(it) for it in ("90", "90s", "1h30m", "0.5m")] == [90, 90, 5400, 30]
    for wrong in ("", "s", "-1", "1x", "1 h"):
        with pytest.raises(ValueError, match="not a time"):
            seconds_of(wrong)


def asked(phase: str | None, **spec: Any) -> Any:
    return run_with(phase, spec=spec)


def test_what_is_asked_already_is_not_asked_again() -> None:
    cancel, drain = to_cancel("Terminate"), to_cancel("Drain")
    assert cancel(asked("Running")).spec == {"shutdown": "Terminate"}
    assert drain(asked("Running")).spec == {"shutdown": "Drain"}
    assert cancel(asked("Stopping", shutdown="Drain")).spec == {"shutdown": "Terminate"}
    for wish in (cancel, drain):
        assert not wish(asked("Stopping", shutdown="Terminate")).spec
        assert not wish(asked("Cancelled")).spec
    assert not drain(asked("Stopping", shutdown="Drain")).spec
    assert to_suspend(asked("Pending")).spec == {"suspend": True}
    assert not to_suspend(asked("Suspended", suspend=True)).spec
    assert to_resume(asked("Suspended", suspend=True)).spec == {"suspend": False}
    assert not to_resume(asked("Running")).spec


@pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Finishing"])
@pytest.mark.parametrize("wish", [to_cancel("Drain"), to_suspend, to_resume])
def test_nothing_is_asked_of_a_run_that_is_over(phase: str, wish: Any) -> None:
    with pytest.raises(ClusterError, match=f"is over .* it is {phase}"):
        wish(asked(phase))


def test_what_is_sent_is_what_the_manifest_says_in_the_apis_own_spelling() -> None:
    text = """
    apiVersion: pipelinerun.dev/v1alpha1
    kind: PipelineRun
    metadata: {name: text, labels: {a: b}}
    spec:
      active_deadline_seconds: 5
      pipeline:
        stages:
        - {name: a, type: source, callable: 'a:a', config: {left: null, kept: [null]}}
        - {name: b, type: sink, callable: 'a:b', enabled: null}
    """
    body = document(load_manifest(text), "team")
    assert body["metadata"] == {"name": "text", "labels": {"a": "b"}, "namespace": "team"}
    assert body["spec"]["activeDeadlineSeconds"] == 5
    first, second = body["spec"]["pipeline"]["stages"]
    assert first["config"] == {"left": None, "kept": [None]}
    assert second == {"name": "b", "type": "sink", "callable": "a:b"}
    assert body.keys() == {"apiVersion", "kind", "metadata", "spec"}


def test_a_run_has_the_name_that_was_chosen_or_its_own_or_that_of_its_file() -> None:
    manifest = load_manifest(BARE)
    assert document(named(manifest, None, "pipes/My_Text.v2.yaml"), "a")["metadata"] == {
        "generateName": "my-text-v2-",
        "namespace": "a",
    }
    chosen = named(manifest, "chosen", "x.yaml")
    assert document(chosen, "a")["metadata"] == {"name": "chosen", "namespace": "a"}
    assert named(chosen, None, "y.yaml") is chosen
    assert document(named(chosen, "other", "y.yaml"), "a")["metadata"]["name"] == "other"
    assert prefix("-") == "run-"
    assert len(prefix("x" * 99)) == 51


def test_a_manifest_of_another_namespace_is_not_moved() -> None:
    manifest = load_manifest(BARE)
    assert namespace_of(manifest, "team", chosen=True) == "team"
    metadata = manifest.metadata.model_copy(update={"namespace": "own"})
    own = manifest.model_copy(update={"metadata": metadata})
    assert namespace_of(own, "team", chosen=False) == "own"
    assert namespace_of(own, "own", chosen=True) == "own"
    with pytest.raises(ClusterError, match="for namespace 'own', and -n names 'team'"):
        namespace_of(own, "team", chosen=True)


def test_a_name_that_is_taken_is_told_with_two_ways_out() -> None:
    told = there_already(run_with("Failed"), "kubectl pipelinerun")
    assert "it is Failed" in told
    assert "\n  kubectl pipelinerun submit FILE --name text-2 -n team\n" in told
    assert told.endswith("\n  kubectl pipelinerun delete text -n team")


def test_where_a_run_is_and_how_it_ended_are_lines() -> None:
    assert where(run_with(None)) == "Pending"
    waiting = run_with("Pending", reason="WaitingForPlace", message="all\ntaken")
    assert where(waiting) == "Pending: all taken"
    ended = run_with("Failed", status={"exitCode": 7, "elapsedSeconds": 12.98})
    assert how(ended) == "Failed, exit code 7, 13.0s"


def test_text_of_others_cannot_steer_the_terminal() -> None:
    evil = "\x1b[31mred\x1b[0m\x07 \x1b]0;title\x07\x9b2Jx\r\n\tnext\x00"
    assert cleaned(evil).isprintable() is False  # it keeps the end of the line and the tab
    assert not {*cleaned(evil)} & {chr(code) for code in (*range(9), *range(11, 32), 127, 0x9B)}
    assert cleaned("\x1b[31mred\x1b[0m") == "red"
    assert one_line("a\n b\tc") == "a b c"


def test_kubectls_question_is_put_as_the_shells_would() -> None:
    assert question(["get", "a b", "te"])["_TYPER_COMPLETE_ARGS"] == "pipelinerun get 'a b' te"
    assert question(["get", ""])["_TYPER_COMPLETE_ARGS"] == "pipelinerun get "
    assert question([])["_TYPER_COMPLETE_ARGS"] == "pipelinerun "
