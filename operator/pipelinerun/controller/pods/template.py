"""From an attempt to the manifest of its pod. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from pipelinerun.api.code import GitSource
from pipelinerun.api.delivery import pack
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.names import (
    API_VERSION,
    CLUSTER_TOKEN,
    CONTAINER,
    GIT_KNOWN_HOSTS,
    GIT_PASSWORD,
    GIT_SSH_KEY,
    GIT_USERNAME,
    JOB_ANNOTATION,
    KIND,
    LABEL_ATTEMPT,
    LABEL_FINALLY,
    LABEL_NAME,
    LABEL_RUN,
    LABEL_UID,
    SECRET_VARIABLES,
)
from pipelinerun.api.quantity import parse_quantity
from pipelinerun.api.violations import InvalidDefinitionError, Violation
from pipelinerun.controller.pods.merge import merged

Manifest = dict[str, Any]

PORT = 8080
GRACE_MARGIN = 5
"""Seconds of the pod's grace period that are left for telling how it ended."""
USER = 10001
_JOB_FOLDER = "/etc/pipelinerun"
_MAX_NAME = 63
_SHARED_MEMORY_SHARE = 0.3
_DEFAULT_RESOURCES = {"requests": {"cpu": "500m", "memory": "2Gi"}, "limits": {"memory": "2Gi"}}


def pod_name(run: str, uid: str, number: int) -> str:
    """The name of an execution's pod: the same whenever it is asked for, and nobody else's."""
    mark = hashlib.sha256(f"{uid}/{number}".encode()).hexdigest()[:8]
    suffix = f"-{number if number > 0 else 'finally'}-{mark}"
    return f"{run[: _MAX_NAME - len(suffix)].rstrip('-.')}{suffix}"


def pod_manifest(
    job: PipelineJob, *, image: str, templates: Sequence[Mapping[str, Any]], grace: int
) -> Manifest:
    """The pod of an attempt: our defaults, the operator's template and the run's over them.

    Raises:
        InvalidDefinitionError: the job is too large for a pod, or a template leaves no container
            for it.
    """
    pod = _with_token(_default_pod(image, grace), job)
    for template in templates:
        pod = merged(pod, template)
    pod = _with_secret_variables(_with_credentials(_with_shared_memory(pod), job.code.git))
    identity = job.run
    ours: Manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod_name(identity.name, identity.uid, identity.attempt),
            "namespace": identity.namespace,
            "labels": {
                LABEL_NAME: "pipelinerun-worker",
                LABEL_RUN: identity.name[:_MAX_NAME].rstrip("-."),
                LABEL_UID: identity.uid,
                **_number_label(identity.attempt),
            },
            "annotations": {JOB_ANNOTATION: pack(job)},
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": KIND,
                    "name": identity.name,
                    "uid": identity.uid,
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        # Another attempt is the operator's to decide.
        "spec": {"restartPolicy": "Never"},
    }
    return merged(pod, ours)


def _with_token(pod: Manifest, job: PipelineJob) -> Manifest:
    """The worker given the token of the cluster that it submits the pipeline to."""
    secret = job.ray.token_secret
    if secret is None or job.verdict is not None:
        return pod
    value = {"secretKeyRef": {"name": secret.name, "key": secret.key}}
    given = {"name": CONTAINER, "env": [{"name": CLUSTER_TOKEN, "valueFrom": value}]}
    return merged(pod, {"spec": {"containers": [given]}})


def _number_label(number: int) -> dict[str, str]:
    return {LABEL_ATTEMPT: str(number)} if number > 0 else {LABEL_FINALLY: str(-number)}


def _default_pod(image: str, grace: int) -> Manifest:
    job = {"path": "job", "fieldRef": {"fieldPath": f"metadata.annotations['{JOB_ANNOTATION}']"}}
    return {
        "spec": {
            "terminationGracePeriodSeconds": grace,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": CONTAINER,
                    "image": image,
                    "command": [
                        *("python", "-m", "pipelinerun.worker", f"{_JOB_FOLDER}/job"),
                        *("--termination-message", "/dev/termination-log"),
                        *("--port", str(PORT)),
                        *("--grace", str(max(0, grace - GRACE_MARGIN))),
                        "--mark-stages",
                    ],
                    "ports": [{"name": "metrics", "containerPort": PORT, "protocol": "TCP"}],
                    "resources": _DEFAULT_RESOURCES,
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [
                        {"name": "job", "mountPath": _JOB_FOLDER, "readOnly": True},
                        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - in the container
                        {"name": "shared-memory", "mountPath": "/dev/shm"},  # noqa: S108
                    ],
                }
            ],
            "volumes": [
                {"name": "job", "downwardAPI": {"items": [job]}},
                {"name": "tmp", "emptyDir": {}},
                {"name": "shared-memory", "emptyDir": {"medium": "Memory"}},
            ],
        }
    }


def _with_shared_memory(pod: Manifest) -> Manifest:
    """Shared memory for Ray's object store, in proportion to the container's memory."""
    limit = _inside(_pipeline_container(pod), "resources", "limits", "memory")
    try:
        size = int(parse_quantity(str(limit)) * _SHARED_MEMORY_SHARE)
    except ValueError:
        return pod
    given = _inside(_named(pod["spec"].get("volumes"), "shared-memory"), "emptyDir")
    if _inside(given, "medium") != "Memory" or _inside(given, "sizeLimit") is not None:
        return pod
    sized = {"name": "shared-memory", "emptyDir": {"sizeLimit": str(size)}}
    return merged(pod, {"spec": {"volumes": [sized]}})


def _with_credentials(pod: Manifest, git: GitSource | None) -> Manifest:
    """The worker given the credentials for its repository, from the Secret that the run names."""
    if git is None or git.secret_ref is None:
        return pod
    keys = {GIT_USERNAME: ("username", True), GIT_PASSWORD: ("password", False)}
    if git.over_ssh:
        keys = {GIT_SSH_KEY: ("ssh-privatekey", False), GIT_KNOWN_HOSTS: ("known_hosts", True)}
    env = [
        {
            "name": name,
            "valueFrom": {
                "secretKeyRef": {"name": git.secret_ref, "key": key, "optional": optional}
            },
        }
        for name, (key, optional) in keys.items()
    ]
    return merged(pod, {"spec": {"containers": [{"name": CONTAINER, "env": env}]}})


def _with_secret_variables(pod: Manifest) -> Manifest:
    """The worker told which of its variables come from Secrets."""
    env = _pipeline_container(pod).get("env")
    maps = [it for it in env if isinstance(it, Mapping)] if isinstance(env, list) else []
    names = [str(it.get("name")) for it in maps if _inside(it, "valueFrom", "secretKeyRef")]
    if not names:
        return pod
    told = {"name": CONTAINER, "env": [{"name": SECRET_VARIABLES, "value": ",".join(names)}]}
    return merged(pod, {"spec": {"containers": [told]}})


def _pipeline_container(pod: Manifest) -> Mapping[str, Any]:
    container = _named(pod["spec"].get("containers"), CONTAINER)
    if container is None:
        text = f"must be a list of containers with names; the pipeline's is {CONTAINER!r}"
        raise InvalidDefinitionError([Violation("podTemplate.spec.containers", text)])
    return container


def _named(items: Any, name: str) -> Mapping[str, Any] | None:
    """The item of that name, in what should be a list of maps and may be anything."""
    maps = (it for it in items if isinstance(it, Mapping)) if isinstance(items, list) else ()
    return next((it for it in maps if it.get("name") == name), None)


def _inside(value: Any, *path: str) -> Any:
    """What is at a path of what should be maps and may be anything."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
