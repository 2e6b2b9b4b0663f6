"""What the operator says to the API server about pods."""

from typing import Any, cast

from kubernetes.aio.client import ApiClient, CoreV1Api, V1DeleteOptions, V1Preconditions
from kubernetes.aio.client.exceptions import ApiException

from pipelinerun.controller.pods.pod import STOPPED
from pipelinerun.controller.requests import TIMEOUT, send
from pipelinerun.controller.runs import Body

_CREATED = 201
_NOT_FOUND = 404
_CONFLICT = 409


class PodApi:
    """Creates, reads, stops and deletes worker pods. Other errors of the client pass through."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._core = CoreV1Api(client)

    async def create(self, namespace: str, manifest: dict[str, Any]) -> Body:
        """Create a pod, or read the one of that name that there is already.

        A conflict without such a pod passes through: a quota, say, was changing.
        """
        try:
            return await self._post(f"/api/v1/namespaces/{namespace}/pods", manifest)
        except ApiException as error:
            if error.status != _CONFLICT:
                raise
            there = await self.read(namespace, manifest["metadata"]["name"])
            if there is None:
                raise
            return there

    async def read(self, namespace: str, name: str) -> Body | None:
        """A pod as it is now; None if there is none."""
        try:
            pod = await self._core.read_namespaced_pod(name, namespace, _request_timeout=TIMEOUT)
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return self._body(pod)

    async def stop(self, namespace: str, name: str, uid: str) -> None:
        """Have the kubelet end a pod that runs, if it is still the one.

        By its deadline, which is the one way that keeps the pod, its log and its last words: the
        container gets SIGTERM, its grace, SIGKILL.
        """
        patch = {"metadata": {"uid": uid}, "spec": {"activeDeadlineSeconds": STOPPED}}
        try:
            await self._core.patch_namespaced_pod(
                name,
                namespace,
                patch,
                _content_type="application/merge-patch+json",
                _request_timeout=TIMEOUT,
            )
        except ApiException as error:
            if error.status not in {_NOT_FOUND, _CONFLICT}:
                raise

    async def delete(
        self, namespace: str, name: str, uid: str, *, version: int | None = None
    ) -> None:
        """Delete a pod, if it is still the one, and in that version if one is given."""
        preconditions = V1Preconditions(uid=uid, resource_version=version and str(version))
        options = V1DeleteOptions(preconditions=preconditions)
        try:
            await self._core.delete_namespaced_pod(
                name, namespace, body=options, _request_timeout=TIMEOUT
            )
        except ApiException as error:
            if error.status not in {_NOT_FOUND, _CONFLICT}:
                raise

    async def _post(self, path: str, manifest: dict[str, Any]) -> Body:
        """Create an object as it is written: the client would refuse fields newer than itself."""
        strict = [("fieldValidation", "Strict")]  # what is misspelt is not passed over
        created = await send(
            self._client, "POST", path, expected=_CREATED, query=strict, body=manifest
        )
        return cast("Body", created)

    def _body(self, pod: object) -> Body:
        document = self._client.sanitize_for_serialization(pod)  # type: ignore[no-untyped-call]
        return cast("Body", document)
