"""The operator process: everything put together."""

import asyncio
import logging

from pipelinerun.controller.api import PipelineRunApi
from pipelinerun.controller.cache import RunCache
from pipelinerun.controller.client import (
    api_client,
    configuration,
    connection_info,
    own_namespace,
)
from pipelinerun.controller.inprocess.realiser import InProcessRealiser
from pipelinerun.controller.log import set_up_logging
from pipelinerun.controller.pods.api import PodApi
from pipelinerun.controller.pods.progress import Progress
from pipelinerun.controller.pods.realiser import WorkerPodRealiser
from pipelinerun.controller.queue import WorkQueue
from pipelinerun.controller.realisers import Realisers
from pipelinerun.controller.reconciler import Reconciler
from pipelinerun.controller.runs import RunKey
from pipelinerun.controller.settings import OperatorSettings
from pipelinerun.controller.watcher import watch

logger = logging.getLogger(__name__)

RECONCILERS = 8
"""Runs reconciled at once; each waits for the API server most of its time."""


def run_operator(settings: OperatorSettings) -> None:
    """Run an operator until SIGINT or SIGTERM."""
    set_up_logging(settings)
    asyncio.run(serve(settings))


async def serve(settings: OperatorSettings) -> None:
    """Run an operator until the process is told to end; it ends as a whole if any part fails."""
    loaded = await configuration(settings)
    allowed = settings.in_process_namespaces
    if allowed is None:
        allowed = (own_namespace(settings),)
    queue: WorkQueue[RunKey] = WorkQueue()
    cache = RunCache()

    def announce_all() -> None:
        for key in cache.unfinished():
            queue.add(key)

    in_process = InProcessRealiser(
        settings, namespaces=allowed, announce=queue.add, announce_all=announce_all
    )
    async with api_client(loaded) as client:
        api = PipelineRunApi(client, settings.identity)
        pods = WorkerPodRealiser(
            PodApi(client),
            Progress(),
            image=settings.worker_image,
            template=settings.worker_template,
            announce=queue.add,
        )
        realisers = Realisers({"InProcess": in_process, "Subprocess": pods})
        reconciler = Reconciler(cache, queue, api, realisers)
        logger.info(
            "Operator %s: watching %s, in-process runs in %s",
            settings.identity,
            ", ".join(settings.namespaces) or "all namespaces",
            ", ".join(allowed) or "no namespace",
        )
        async with asyncio.TaskGroup() as group:
            background = [
                group.create_task(in_process.run(), name="in-process realiser"),
                group.create_task(pods.run(), name="worker-pod realiser"),
                *(
                    group.create_task(reconciler.work(), name=f"reconciler {number}")
                    for number in range(RECONCILERS)
                ),
            ]
            await watch(
                cache,
                queue,
                login=lambda: connection_info(loaded),
                namespaces=settings.namespaces,
                see_pod=pods.see if settings.worker_image else None,
            )
            for task in background:
                task.cancel()
    logger.info("Operator %s has ended", settings.identity)
