"""Code that comes with a run from elsewhere than its manifest."""

from kubernetes.aio.client import ApiClient, CoreV1Api
from kubernetes.aio.client.exceptions import ApiException

from pipelinerun.api.code import Code
from pipelinerun.api.code_files import with_config_map
from pipelinerun.controller.errors import message_of
from pipelinerun.controller.requests import TIMEOUT
from pipelinerun.controller.runs import Run
from pipelinerun.core import reasons
from pipelinerun.core.observed import Wait

LOOK_AGAIN = 5.0
"""Seconds between two looks for a ConfigMap that is not there: nobody tells when it comes."""
_FORBIDDEN = 403
_NOT_FOUND = 404


class CodeSources:
    """Reads what runs name. Errors of the client pass through."""

    def __init__(self, client: ApiClient) -> None:
        self._core = CoreV1Api(client)

    async def code(self, run: Run) -> Code | Wait:
        """All code of a run as it is now, as files; or why it cannot be had yet.

        Raises:
            InvalidDefinitionError: what is there is no code.
        """
        assert run.spec is not None  # whose code it is
        name = run.spec.code.config_map
        if name is None:
            return run.spec.code
        try:
            found = await self._core.read_namespaced_config_map(
                name, run.namespace, _request_timeout=TIMEOUT
            )
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return _waiting(f"There is no ConfigMap {name} in namespace {run.namespace}")
            if error.status == _FORBIDDEN:
                return _waiting(f"The operator may not read ConfigMaps: {message_of(error)}")
            raise
        return with_config_map(run.spec.code, found.data or {})


def _waiting(message: str) -> Wait:
    return Wait(reasons.WAITING_FOR_CODE, message, look_again=LOOK_AGAIN)
