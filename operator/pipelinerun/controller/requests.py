"""Requests for which the client has no method, or one that knows too little."""

import json
from collections.abc import Sequence
from typing import Any

from kubernetes.aio.client import ApiClient
from kubernetes.aio.client.exceptions import ApiException

TIMEOUT = 15.0
"""Seconds for one request."""
_JSON = "application/json"


async def send(
    client: ApiClient,
    method: str,
    path: str,
    *,
    expected: int,
    query: Sequence[tuple[str, str]] = (),
    accept: str = _JSON,
    body: dict[str, Any] | None = None,
) -> Any:
    """Make a request and read the document of its answer.

    Raises:
        ApiException: the answer has another status than is ``expected``.
    """
    headers = {"Accept": accept} | ({} if body is None else {"Content-Type": _JSON})
    request = await client.param_serialize(
        method,
        path,
        query_params=[*query],
        header_params=headers,
        body=body,
        auth_settings=["BearerToken"],
    )
    response = await client.call_api(*request, _request_timeout=TIMEOUT)
    text = await response.response.text()
    if response.status != expected:
        raise ApiException(status=response.status, reason=response.reason, body=text)
    return json.loads(text)
