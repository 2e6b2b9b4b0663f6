"""kopf, as the watcher only: it stores what it sees and names the run to be looked at."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import kopf

from pipelinerun.api.names import GROUP, LABEL_UID, PLURAL, VERSION
from pipelinerun.controller.cache import RunCache
from pipelinerun.controller.queue import WorkQueue
from pipelinerun.controller.runs import Body, RunKey, UnreadableStatusError, read_run

logger = logging.getLogger(__name__)

Login = Callable[[], Awaitable[kopf.ConnectionInfo]]
SeePod = Callable[[str | None, Body], None]


async def watch(
    cache: RunCache,
    queue: WorkQueue[RunKey],
    login: Login,
    namespaces: tuple[str, ...],
    see_pod: SeePod | None = None,
) -> None:
    """Watch runs, and worker pods if ``see_pod`` is given, until a signal ends the process."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def _login(**_: Any) -> kopf.ConnectionInfo:
        return await login()

    # Events are the one kind of handler for which kopf writes nothing to the object. The handler
    # returns None, because kopf would write any other value into the status.
    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def _seen(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002
        try:
            run = read_run(body)
        except UnreadableStatusError as error:
            logger.warning("%s/%s is left alone: %s", body.meta.namespace, body.meta.name, error)
            return
        if type == "DELETED":
            cache.remove(run)
        else:
            cache.put(run)
        queue.add(run.key)

    settings = kopf.OperatorSettings()
    if see_pod is not None:
        # On the server: all other pods of a cluster are none of our business.
        settings.watching.label_selectors["", "v1", "pods"] = LABEL_UID

        @kopf.on.event("", "v1", "pods", registry=registry)
        async def _seen_pod(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002
            see_pod(type, body)

    settings.posting.enabled = False
    await kopf.operator(
        registry=registry,
        settings=settings,
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
    )
