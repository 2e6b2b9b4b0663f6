"""Listings of nothing but metadata."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from kubernetes.aio.client import ApiClient

from pipelinerun.controller.errors import ErrorKind, classify, message_of
from pipelinerun.controller.freshness import Version, Versions
from pipelinerun.controller.requests import send

logger = logging.getLogger(__name__)

_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_OK = 200
_INTERVAL = 1.0


class NotServedError(Exception):
    """The API server will not let an operator see what it is there for, whatever the time."""


def lister(
    client: ApiClient,
    group_path: str,
    plural: str,
    namespaces: Sequence[str],
    label_selector: str | None = None,
) -> Callable[[], Awaitable[Versions]]:
    """A function that reads the versions of all objects of a kind.

    Args:
        client: connection to the API server.
        group_path: of the API group and version, such as ``/api/v1``.
        plural: of the kind.
        namespaces: where; none means everywhere.
        label_selector: restricts the listing.
    """
    paths = [f"{group_path}/namespaces/{it}/{plural}" for it in namespaces] or [
        f"{group_path}/{plural}"
    ]

    async def read() -> Versions:
        versions: dict[str, Version] = {}
        for path in paths:
            for item in await _list(client, path, label_selector):
                metadata = item["metadata"]
                key = metadata.get("namespace", ""), metadata["name"]
                versions[metadata["uid"]] = Version(key, int(metadata["resourceVersion"]))
        return versions

    return read


async def installed(listing: Callable[[], Awaitable[Versions]]) -> None:
    """Wait until the API server answers and knows the kind.

    Raises:
        NotServedError: it will not answer, whatever the time; the message is its own.
    """
    told = ""
    while True:
        try:
            await listing()
        except Exception as error:
            match classify(error):
                case ErrorKind.LOST:
                    text = "Waiting for the CRDs: `pipelinerun crd | kubectl apply -f -`"
                case ErrorKind.TRANSIENT:
                    text = f"Waiting for the API server: {message_of(error)}"
                case None:
                    raise
                case _:
                    raise NotServedError(message_of(error)) from error
            if text != told:
                logger.warning("%s", text)
            told = text
        else:
            return
        await asyncio.sleep(_INTERVAL)


async def _list(client: ApiClient, path: str, label_selector: str | None) -> list[dict[str, Any]]:
    # From the API server's cache: it may be a little older than the watch, never much.
    query = [("resourceVersion", "0")]
    if label_selector is not None:
        query.append(("labelSelector", label_selector))
    body = await send(client, "GET", path, expected=_OK, query=query, accept=_METADATA)
    items: list[dict[str, Any]] = body["items"] or []  # null when there are none
    return items
