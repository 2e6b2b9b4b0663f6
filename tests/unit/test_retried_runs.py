"""What is taken over when a finished run is run again, and where the new one starts."""

from typing import Any

import pytest

from pipelinerun.cli.cluster.errors import ClusterError
from pipelinerun.cli.cluster.retried import (
    check_finished,
    retried,
    start_at,
    start_behind_last_checkpoint,
)
from tests.support.definitions import Document, stage

LINE = [
    stage("read", "source", checkpoint="/rows/read"),
    stage("clean", checkpoint="/rows/clean"),
    stage("write", "sink"),
]


def run(
    *complete: str, stages: list[Document] = LINE, phase: str = "Failed", **metadata: Any
) -> Document:
    """A run as the API server sends it, with the stages whose checkpoints are complete."""
    status = [
        {"name": it["name"], "state": "Stopped"}
        | ({"checkpointed": True} if it["name"] in complete else {})
        for it in stages
    ]
    return {
        "metadata": {
            "name": "text",
            "namespace": "team",
            "uid": "u",
            "resourceVersion": "7",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            **metadata,
        },
        "spec": {"mode": "InProcess", "pipeline": {"stages": stages}},
        "status": {"phase": phase, "stages": status},
    }


def metadata_of(**metadata: Any) -> Document:
    found: Document = retried(run(**metadata), None)["metadata"]
    return found


def test_a_retry_is_a_new_run_with_the_same_spec() -> None:
    finished = run()
    new = retried(finished, None)
    assert new["spec"] == finished["spec"]
    assert new["metadata"] == {
        "generateName": "text-",
        "namespace": "team",
        "labels": {"pipelinerun.dev/retry-of": "text"},
        "annotations": {},
    }
    assert new.keys() == {"apiVersion", "kind", "metadata", "spec"}


def test_what_held_or_ended_the_first_run_does_not_hold_or_end_the_second() -> None:
    finished = run()
    finished["spec"] |= {"suspend": False, "shutdown": "Drain", "activeDeadlineSeconds": 5}
    assert retried(finished, None)["spec"] == run()["spec"] | {"activeDeadlineSeconds": 5}


@pytest.mark.parametrize("start", [None, "write"])
def test_the_start_is_the_one_that_was_chosen(start: str | None) -> None:
    finished = run()
    finished["spec"]["resumeFrom"] = "clean"
    assert retried(finished, start)["spec"].get("resumeFrom") == start


def test_names_do_not_grow_with_each_retry() -> None:
    assert metadata_of(name="text-x7k2p", generateName="text-")["generateName"] == "text-"


def test_a_name_that_is_too_long_for_a_label_is_cut() -> None:
    labels = metadata_of(name="a" * 60 + "..." + "b" * 20)["labels"]
    assert labels == {"pipelinerun.dev/retry-of": "a" * 60}


@pytest.mark.parametrize(
    ("key", "copied"),
    [
        ("team", True),
        ("app.kubernetes.io/name", True),
        ("example.org/instance", True),
        ("notargocd.argoproj.io.example.org/a", True),
        ("app.kubernetes.io/instance", False),
        ("app.kubernetes.io/managed-by", False),
        ("argocd.argoproj.io/instance", False),
        ("argocd.argoproj.io/tracking-id", False),
        ("kustomize.toolkit.fluxcd.io/name", False),
        ("helm.toolkit.fluxcd.io/namespace", False),
        ("helm.sh/chart", False),
        ("meta.helm.sh/release-name", False),
        ("objectset.rio.cattle.io/hash", False),
        ("kubectl.kubernetes.io/last-applied-configuration", False),
        ("pipelinerun.dev/keep", False),
    ],
)
def test_labels_are_copied_unless_they_say_whose_the_run_is(key: str, copied: bool) -> None:
    metadata = metadata_of(labels={key: "a"}, annotations={key: "a"})
    assert (key in metadata["labels"], key in metadata["annotations"]) == (copied, copied)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Cancelled"])
def test_a_finished_run_may_be_retried(phase: str) -> None:
    check_finished(run(phase=phase))


def test_a_run_that_goes_on_may_not_be_retried() -> None:
    with pytest.raises(ClusterError, match="'text' is not finished: it is Running") as caught:
        check_finished(run(phase="Running"))
    assert str(caught.value).endswith("  pipelinerun cancel text -n team")


def test_a_run_that_nobody_has_looked_at_may_not_be_retried() -> None:
    with pytest.raises(ClusterError, match="it is Pending"):
        check_finished({"metadata": {"name": "text", "namespace": "team"}, "spec": {}})


@pytest.mark.parametrize(
    ("stage", "start"), [("read", None), ("clean", "clean"), ("write", "write")]
)
def test_a_retry_may_start_behind_any_checkpoint(stage: str, start: str | None) -> None:
    assert start_at(run(), stage) == start


def test_a_misspelt_stage_is_told_with_what_may_be_meant() -> None:
    with pytest.raises(ClusterError, match="'wriet'; did you mean 'write'"):
        start_at(run(), "wriet")


def test_a_stage_without_a_checkpoint_before_it_is_no_start() -> None:
    stages = [LINE[0], stage("clean"), LINE[2]]
    with pytest.raises(ClusterError, match="stage 'clean' before 'write' has no checkpoint"):
        start_at(run(stages=stages), "write")


@pytest.mark.parametrize(
    ("complete", "start"), [(["read"], "clean"), (["read", "clean"], "write"), (["clean"], "write")]
)
def test_resuming_starts_behind_the_last_complete_checkpoint(
    complete: list[str], start: str
) -> None:
    assert start_behind_last_checkpoint(run(*complete)) == start


@pytest.mark.parametrize(
    ("stages", "why"),
    [
        (LINE, "it has completed no checkpoint"),
        ([stage("read", "source"), LINE[2]], "none of its stages has a checkpoint"),
    ],
)
def test_without_a_complete_checkpoint_there_is_nothing_to_resume(
    stages: list[Document], why: str
) -> None:
    with pytest.raises(ClusterError, match=f"nothing to resume from: {why}"):
        start_behind_last_checkpoint(run(stages=stages))


@pytest.mark.parametrize("stages", [[LINE[0]], [*LINE, LINE[1]], "none"])
def test_an_invalid_pipeline_has_no_stage_to_start_at(stages: Any) -> None:
    finished = run()
    finished["spec"]["pipeline"]["stages"] = stages
    with pytest.raises(ClusterError, match="the pipeline of run 'text' is not valid"):
        start_at(finished, "write")
    assert retried(finished, None)["spec"] == finished["spec"]
