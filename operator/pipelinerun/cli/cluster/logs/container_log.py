"""Reading the log of a container through the API server."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from pipelinerun.core.timestamps import format_time

_OK, _NOTHING_YET = 200, 204
_CONNECT_SECONDS = 15.0


@dataclass(frozen=True)
class Container:
    """A container of a pod."""

    namespace: str
    pod: str
    name: str


class ContainerLog:
    """The log of a container, as the kubelet has it."""

    def __init__(self, client: ApiClient, container: Container) -> None:
        self._client, self._container = client, container

    def lines(
        self,
        since: datetime,
        *,
        follow: bool = False,
        previous: bool = False,
        patience: float = 30.0,
    ) -> Iterator[str]:
        """Lines with the times at which they were written.

        Args:
            since: no lines from before.
            follow: go on with lines that come, until the container ends, or the connection does.
            previous: those of the container before it was last restarted.
            patience: seconds without a line after which there are no more.

        Raises:
            ApiException: there is no log, or no right to read it.
        """
        query = [("container", self._container.name), ("timestamps", "true")]
        query += [("sinceTime", format_time(since))]
        query += [("follow", "true")] if follow else []
        query += [("previous", "true")] if previous else []
        place = f"/api/v1/namespaces/{self._container.namespace}/pods/{self._container.pod}/log"
        request = self._client.param_serialize(
            "GET",
            place,
            query_params=query,
            header_params={"Accept": "*/*"},
            auth_settings=["BearerToken"],
        )
        answer = self._client.call_api(*request, _request_timeout=(_CONNECT_SECONDS, patience))
        response: Any = answer.response
        try:
            if answer.status == _NOTHING_YET:
                return
            if answer.status != _OK:
                body = response.read().decode(errors="replace")
                raise ApiException(status=answer.status, reason=answer.reason, body=body)
            yield from _lines(response.stream(1 << 16))
        except (ReadTimeoutError, ProtocolError):
            return
        finally:
            response.close()


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")
