"""Everything the operator says to the API server, apart from kopf's watches."""

from datetime import datetime
from typing import Any, cast

from kubernetes.aio.client import (
    ApiClient,
    CoreV1Api,
    CoreV1Event,
    CustomObjectsApi,
    V1DeleteOptions,
    V1EventSource,
    V1ObjectMeta,
    V1ObjectReference,
    V1Preconditions,
)
from kubernetes.aio.client.exceptions import ApiException

from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.names import API_VERSION, GROUP, KIND, PLURAL, VERSION
from pipelinerun.api.status import PipelineRunStatus
from pipelinerun.controller.errors import (
    DeletionRefusedError,
    ErrorKind,
    classify,
    may_be_done,
    message_of,
)
from pipelinerun.controller.priorities import Priority, at
from pipelinerun.controller.requests import TIMEOUT
from pipelinerun.controller.runs import Body, Run, RunKey, read_run
from pipelinerun.core.observed import Event

COMPONENT = "pipelinerun-operator"
_NOT_FOUND = 404


class PipelineRunApi:
    """Reads and writes of runs and their events. Errors of the client pass through."""

    def __init__(self, client: ApiClient, identity: str) -> None:
        self._runs = CustomObjectsApi(client)
        self._core = CoreV1Api(client)
        self._identity = identity

    async def read(self, key: RunKey) -> Run | None:
        """The run as it is now; None when it does not exist."""
        try:
            return read_run(await self._body(key))
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    async def write_status(self, run: Run, status: PipelineRunStatus) -> Run:
        """Replace the status of a run that is still the version that was observed.

        This is the one place that writes a status. If nobody knows what became of that, it is
        looked up: what has been recorded has to be followed by what it stands for.
        """
        body = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {
                "namespace": run.namespace,
                "name": run.name,
                "uid": run.uid,
                "resourceVersion": run.resource_version,
            },
            "status": status_document(status),
        }
        try:
            written = await self._runs.replace_namespaced_custom_object_status(
                GROUP, VERSION, run.namespace, PLURAL, run.name, body, _request_timeout=TIMEOUT
            )
        except Exception as error:
            if not may_be_done(error):
                raise
            written = await self._body(run.key)
            if (written["metadata"]["uid"], written.get("status")) != (run.uid, body["status"]):
                raise
        return read_run(cast("Body", written))

    async def acknowledge(self, run: Run) -> Run:
        """Record that the spec of a finished run was seen, if it is still the version that was.

        Only a part of such a run is kept in memory, so that the rest is read.
        """
        found = await self._body(run.key)
        body = {
            **found,
            "metadata": found["metadata"] | {"resourceVersion": run.resource_version},
            "status": found["status"] | {"observedGeneration": run.generation},
        }
        written = await self._runs.replace_namespaced_custom_object_status(
            GROUP, VERSION, run.namespace, PLURAL, run.name, body, _request_timeout=TIMEOUT
        )
        return read_run(cast("Body", written))

    async def delete(self, run: Run) -> None:
        """Delete a run that is still the version that was observed; its pods go with it.

        Raises:
            DeletionRefusedError: the API server does not want it.
        """
        preconditions = V1Preconditions(uid=run.uid, resource_version=run.resource_version)
        options = V1DeleteOptions(preconditions=preconditions, propagation_policy="Background")
        try:
            with at(Priority.UPKEEP):
                await self._runs.delete_namespaced_custom_object(
                    GROUP,
                    VERSION,
                    run.namespace,
                    PLURAL,
                    run.name,
                    body=options,
                    _request_timeout=TIMEOUT,
                )
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return
            if classify(error) is ErrorKind.INVALID:
                raise DeletionRefusedError(message_of(error)) from error
            raise

    async def tell(self, run: Run, event: Event, now: datetime) -> None:
        """Create a Kubernetes Event about a run."""
        body = CoreV1Event(
            metadata=V1ObjectMeta(generate_name=f"{run.name[:200]}.", namespace=run.namespace),
            involved_object=V1ObjectReference(
                api_version=API_VERSION,
                kind=KIND,
                namespace=run.namespace,
                name=run.name,
                uid=run.uid,
            ),
            type=event.type,
            reason=event.reason,
            message=event.message[:MESSAGE_LIMIT],
            first_timestamp=now,
            last_timestamp=now,
            count=1,
            source=V1EventSource(component=COMPONENT, host=self._identity),
        )
        with at(Priority.UPKEEP):
            await self._core.create_namespaced_event(run.namespace, body, _request_timeout=TIMEOUT)

    async def _body(self, key: RunKey) -> Body:
        namespace, name = key
        body = await self._runs.get_namespaced_custom_object(
            GROUP, VERSION, namespace, PLURAL, name, _request_timeout=TIMEOUT
        )
        return cast("Body", body)


def status_document(status: PipelineRunStatus) -> dict[str, Any]:
    """A status as it is written: nothing that is not known."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)
