"""Runs on a cluster: reading and creating them."""

from typing import Any, cast

from kubernetes.client import CustomObjectsApi
from kubernetes.client.exceptions import ApiException

from pipelinerun.api.names import GROUP, PLURAL, VERSION
from pipelinerun.cli.cluster.connection import Connection
from pipelinerun.cli.cluster.errors import ClusterError, of_answer
from pipelinerun.cli.cluster.similar import no_run

Body = dict[str, Any]
"""A run as the API server sends it."""

_NOT_FOUND = 404
_TIMEOUT = 30.0


class Runs:
    """The runs of a namespace. Errors of the client pass through."""

    def __init__(self, connection: Connection) -> None:
        self._api = CustomObjectsApi(connection.client)
        self._namespace = connection.namespace

    def get(self, name: str) -> Body:
        """A run.

        Raises:
            ClusterError: there is none of that name.
        """
        place = (GROUP, VERSION, self._namespace, PLURAL)
        try:
            found = self._api.get_namespaced_custom_object(*place, name, _request_timeout=_TIMEOUT)
        except ApiException as error:
            if error.status != _NOT_FOUND or name not in of_answer(error.status, error.body):
                raise
            raise ClusterError(no_run(name, self._namespace, self._names())) from None
        return cast("Body", found)

    def create(self, body: Body) -> Body:
        """Create a run; returns it as it is stored."""
        created = self._api.create_namespaced_custom_object(
            GROUP, VERSION, self._namespace, PLURAL, body, _request_timeout=_TIMEOUT
        )
        return cast("Body", created)

    def _names(self) -> list[str]:
        listed: Any = self._api.list_namespaced_custom_object(
            GROUP, VERSION, self._namespace, PLURAL, _request_timeout=_TIMEOUT
        )
        return [item["metadata"]["name"] for item in listed["items"]]
