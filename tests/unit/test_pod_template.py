"""The manifest of a worker pod."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.api.code import Code, GitSource
from pipelinerun.api.delivery import unpack
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.names import (
    GIT_KNOWN_HOSTS,
    GIT_PASSWORD,
    GIT_SSH_KEY,
    GIT_USERNAME,
    SECRET_VARIABLES,
)
from pipelinerun.api.ray import Ray
from pipelinerun.api.violations import InvalidDefinitionError
from pipelinerun.controller.pods.merge import merged
from pipelinerun.controller.pods.template import pod_manifest, pod_name
from tests.support.examples import job

DNS_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"


def manifest(*templates: dict[str, Any], sent: PipelineJob | None = None) -> dict[str, Any]:
    return pod_manifest(sent or job("hello"), image="worker:1", templates=templates, grace=30)


def container(pod: dict[str, Any], name: str = "pipeline") -> dict[str, Any]:
    (found,) = (it for it in pod["spec"]["containers"] if it["name"] == name)
    return dict(found)


def volume(pod: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (it for it in pod["spec"]["volumes"] if it["name"] == name)
    return dict(found)


def test_a_pod_carries_its_job_and_belongs_to_its_run() -> None:
    pod = manifest()
    metadata = pod["metadata"]
    assert unpack(metadata["annotations"]["pipelinerun.dev/job"]) == job("hello")
    assert metadata["labels"]["pipelinerun.dev/run-uid"] == "hello"
    (owner,) = metadata["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("PipelineRun", "hello", "hello")


def test_a_pod_has_no_rights() -> None:
    spec = manifest()["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    security = container(manifest())["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}


def test_a_worker_is_told_which_of_its_variables_come_from_secrets() -> None:
    secret = {"secretKeyRef": {"name": "database", "key": "password"}}
    env = [
        {"name": "PASSWORD", "valueFrom": secret},
        {"name": "REGION", "value": "north"},
        {"name": "TOKEN", "valueFrom": secret},
    ]
    pod = manifest({"spec": {"containers": [{"name": "pipeline", "env": env}]}})
    assert container(pod)["env"][-1] == {"name": SECRET_VARIABLES, "value": "PASSWORD,TOKEN"}
    assert "env" not in container(manifest())


def test_only_the_worker_of_a_private_repository_is_given_its_credentials() -> None:
    over_http, over_ssh = [GIT_USERNAME, GIT_PASSWORD], [GIT_SSH_KEY, GIT_KNOWN_HOSTS]
    for url, secret, expected in (
        ("https://git.example.org/steps.git", "reader", over_http),
        ("https://git.example.org/steps.git", None, []),
        ("git@git.example.org:steps.git", "reader", over_ssh),
        ("ssh://git@git.example.org:2222/steps.git", "reader", over_ssh),
    ):
        git = GitSource(url=url, secret_ref=secret)
        sent = job("hello").model_copy(update={"code": Code(git=git)})
        env = container(manifest(sent=sent)).get("env", [])
        secrets = [it["valueFrom"]["secretKeyRef"] for it in env if "valueFrom" in it]
        assert [it["name"] for it in secrets] == [secret] * len(expected)
        # A failure must not tell them.
        assert (env[-1]["value"].split(",") if env else []) == expected


def test_a_run_may_change_its_container_by_name_and_add_others() -> None:
    template = {
        "metadata": {"labels": {"team": "a"}, "annotations": {}},
        "spec": {
            "nodeSelector": {"disk": "fast"},
            "containers": [
                {
                    "name": "pipeline",
                    "image": "mine:2",
                    "env": [{"name": "A", "value": "1"}],
                    "resources": {"limits": {"memory": "4Gi", "nvidia.com/gpu": 1}},
                },
                {"name": "proxy", "image": "proxy:1"},
            ],
        },
    }
    pod = manifest(template)
    ours = container(pod)
    assert ours["image"] == "mine:2"
    assert ours["command"][:3] == ["python", "-m", "pipelinerun.worker"]
    assert ours["resources"]["limits"] == {"memory": "4Gi", "nvidia.com/gpu": 1}
    assert ours["resources"]["requests"]["cpu"] == "500m"
    assert container(pod, "proxy")["image"] == "proxy:1"
    assert pod["metadata"]["labels"]["team"] == "a"
    assert pod["spec"]["nodeSelector"] == {"disk": "fast"}


def test_what_the_operator_needs_cannot_be_taken_away() -> None:
    template = {
        "metadata": {"labels": {"pipelinerun.dev/run-uid": "another"}, "annotations": {}},
        "spec": {"restartPolicy": "Always"},
    }
    pod = manifest(template)
    assert pod["metadata"]["labels"]["pipelinerun.dev/run-uid"] == "hello"
    assert pod["spec"]["restartPolicy"] == "Never"


def test_the_runs_template_goes_over_the_operators() -> None:
    operators = {"spec": {"priorityClassName": "low", "tolerations": [{"key": "a"}]}}
    runs = {"spec": {"priorityClassName": "high"}}
    spec = manifest(operators, runs)["spec"]
    assert (spec["priorityClassName"], spec["tolerations"]) == ("high", [{"key": "a"}])


def test_shared_memory_is_a_share_of_the_containers_memory() -> None:
    limits = {
        "spec": {"containers": [{"name": "pipeline", "resources": {"limits": {"memory": "1Gi"}}}]}
    }
    medium = volume(manifest(limits), "shared-memory")["emptyDir"]
    assert medium == {"medium": "Memory", "sizeLimit": str(int(2**30 * 0.3))}
    own = {"spec": {"volumes": [{"name": "shared-memory", "emptyDir": {"sizeLimit": "5Gi"}}]}}
    assert volume(manifest(own), "shared-memory")["emptyDir"]["sizeLimit"] == "5Gi"
    unlimited = {"spec": {"containers": [{"name": "pipeline", "resources": {"limits": None}}]}}
    assert volume(manifest(unlimited), "shared-memory")["emptyDir"] == {"medium": "Memory"}


def test_a_volume_of_another_kind_takes_the_place_of_ours() -> None:
    scratch = {"name": "tmp", "persistentVolumeClaim": {"claimName": "scratch"}}
    assert volume(manifest({"spec": {"volumes": [scratch]}}), "tmp") == scratch


@pytest.mark.parametrize("containers", [None, "pipeline", {}, [None], [{"name": 5}]])
def test_a_template_must_leave_the_container_of_the_pipeline(containers: Any) -> None:
    with pytest.raises(InvalidDefinitionError) as caught:
        manifest({"spec": {"containers": containers}}, {"spec": {"containers": containers}})
    assert "podTemplate.spec.containers" in str(caught.value)


ANYTHING = st.recursive(
    st.none() | st.integers() | st.sampled_from(("pipeline", "tmp", "shared-memory", "1Gi")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    *("name", "containers", "volumes", "env", "resources", "limits", "memory"),
                    *("emptyDir", "medium", "sizeLimit", "volumeMounts", "mountPath"),
                )
            ),
            inner,
            max_size=3,
        )
    ),
)


@given(st.dictionaries(st.sampled_from(("containers", "volumes", "tolerations")), ANYTHING))
def test_a_template_of_any_kind_makes_a_manifest_or_is_refused(spec: dict[str, Any]) -> None:
    with suppress(InvalidDefinitionError):
        manifest({"spec": spec}, {"spec": spec})


@given(st.from_regex(rf"{DNS_LABEL}(\.{DNS_LABEL})*", fullmatch=True), st.integers(1, 1000))
def test_names_are_valid_and_of_one_attempt_alone(run: str, attempt: int) -> None:
    name = pod_name(run, "uid", attempt)
    assert len(name) <= 63
    assert name[0].isalnum()
    assert name == pod_name(run, "uid", attempt)
    assert len({name, pod_name(run, "uid", attempt + 1), pod_name(run, "other", attempt)}) == 3


@pytest.mark.parametrize(
    ("base", "over", "expected"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        ({"args": [1, 2]}, {"args": [3]}, {"args": [3]}),
        (
            {"env": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]},
            {"env": [{"name": "b", "value": "3"}]},
            {"env": [{"name": "a", "value": "1"}, {"name": "b", "value": "3"}]},
        ),
        (
            {"env": [{"name": "a", "value": "1"}]},
            {"env": [{"name": "a", "valueFrom": {"fieldRef": {}}}]},
            {"env": [{"name": "a", "valueFrom": {"fieldRef": {}}}]},
        ),
        (
            {"volumeMounts": [{"name": "a", "mountPath": "/a"}]},
            {"volumeMounts": [{"name": "b", "mountPath": "/a"}]},
            {"volumeMounts": [{"name": "b", "mountPath": "/a"}]},
        ),
        ({}, {"containers": [{"name": "a"}]}, {"containers": [{"name": "a"}]}),
        ({"env": [{"name": "a"}]}, {"env": [{"value": "b"}]}, {"env": [{"value": "b"}]}),
        ({"env": [{"name": "a"}]}, {"env": "A=b"}, {"env": "A=b"}),
    ],
)
def test_merging(base: dict[str, Any], over: dict[str, Any], expected: dict[str, Any]) -> None:
    assert merged(base, over) == expected


def test_the_token_of_a_cluster_reaches_the_worker_from_its_secret() -> None:
    secret = {"name": "ray", "key": "token"}
    ray = Ray.model_validate({"address": "http://head:8265", "tokenSecret": secret})
    env = container(manifest(sent=job("hello").model_copy(update={"ray": ray})))["env"]
    assert env == [
        {"name": "RAY_AUTH_TOKEN", "valueFrom": {"secretKeyRef": secret}},
        {"name": SECRET_VARIABLES, "value": "RAY_AUTH_TOKEN"},
    ]
