"""kopf, as the watcher only."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import chain, repeat
from typing import Any

import kopf

from pipelinerun.controller.watched import Watched

RELIST_AFTER = 1.0
"""Seconds before everything is listed anew, when a watch cannot go on where it was."""

CHUNK = 500
"""Objects of a listing that are in memory at once."""
IDLE = 0.5
"""Seconds for which kopf keeps the last version of an object that it has shown."""


class _Endless:
    """Seconds before each further try of a listing or a watch: the API server will come back."""

    def __iter__(self) -> Iterator[float]:
        return chain((1, 1, 2, 3, 5, 8, 13, 21), repeat(30))


Login = Callable[[], Awaitable[kopf.ConnectionInfo]]


async def watch(login: Login, namespaces: tuple[str, ...], kinds: Iterable[Watched]) -> None:
    """Watch objects of some kinds until a signal ends the process."""
    registry = kopf.OperatorRegistry()
    settings = kopf.OperatorSettings()

    @kopf.on.login(registry=registry)
    async def _login(**_: Any) -> kopf.ConnectionInfo:
        return await login()

    for kind in kinds:
        _show(kind, registry, settings)
    settings.posting.enabled = False
    settings.networking.error_backoffs = _Endless()
    settings.watching.reconnect_backoff = RELIST_AFTER
    settings.watching.chunk_size = CHUNK
    settings.queueing.idle_timeout = IDLE
    # Looking out for new kinds and namespaces takes rights that nothing else needs.
    settings.scanning.disabled = True
    await kopf.operator(
        registry=registry,
        settings=settings,
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
    )


def _show(
    watched: Watched, registry: kopf.OperatorRegistry, settings: kopf.OperatorSettings
) -> None:
    group, version, plural = watched.kind
    if watched.selector is not None:
        # On the server: all the others are none of our business.
        settings.watching.label_selectors[group, version, plural] = watched.selector

    # Events are the one kind of handler for which kopf writes nothing to the object. The handler
    # returns None, because kopf would write any other value into the status.
    @kopf.on.event(group, version, plural, registry=registry)
    async def _seen(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002
        watched.see(type, body)
