"""The operator process: everything put together."""

import asyncio
import logging

from pipelinerun.api.names import GROUP, LABEL_UID, PLURAL, VERSION
from pipelinerun.controller.api import PipelineRunApi
from pipelinerun.controller.cache import RunCache
from pipelinerun.controller.client import (
    Pace,
    api_client,
    configuration,
    connection_info,
    own_namespace,
)
from pipelinerun.controller.freshness import Freshness
from pipelinerun.controller.health import Health
from pipelinerun.controller.history import History
from pipelinerun.controller.http import serving
from pipelinerun.controller.inprocess.realiser import InProcessRealiser
from pipelinerun.controller.limiter import RateLimiter
from pipelinerun.controller.listing import installed, lister
from pipelinerun.controller.log import set_up_logging
from pipelinerun.controller.metrics import ReconcilerMetrics, RequestMetrics, registry_of
from pipelinerun.controller.pods.api import PodApi
from pipelinerun.controller.pods.progress import Progress
from pipelinerun.controller.pods.realiser import WorkerPodRealiser
from pipelinerun.controller.priorities import priority_of
from pipelinerun.controller.queue import WorkQueue
from pipelinerun.controller.realisers import Realisers
from pipelinerun.controller.reconciler import Reconciler
from pipelinerun.controller.runs import Body, RunKey
from pipelinerun.controller.settings import OperatorSettings
from pipelinerun.controller.sight import RunSight
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
    queue: WorkQueue[RunKey] = WorkQueue(lambda key: priority_of(cache.get(key)))
    cache = RunCache(History(settings.history, announce=queue.add))
    sight = RunSight(cache, queue)

    def announce_all() -> None:
        for key in cache.unfinished():
            queue.add(key)

    in_process = InProcessRealiser(
        settings,
        namespaces=_allowed(settings),
        announce=queue.add,
        announce_all=announce_all,
    )
    pace = Pace(RateLimiter(settings.api_qps, settings.api_burst), RequestMetrics())
    async with api_client(loaded, pace) as client:
        pods = WorkerPodRealiser(
            PodApi(client),
            Progress(),
            image=settings.worker_image,
            template=settings.worker_template,
            announce=queue.add,
        )
        run_lister = lister(client, f"/apis/{GROUP}/{VERSION}", PLURAL, settings.namespaces)
        pod_lister = lister(client, "/api/v1", "pods", settings.namespaces, LABEL_UID)
        runs_shown = Freshness("PipelineRuns", run_lister, sight.deleted)
        pods_shown = Freshness("pods", pod_lister, pods.deleted)
        watches = [runs_shown] + ([pods_shown] if settings.worker_image else [])

        def see_pod(event: str | None, body: Body) -> None:
            pods_shown.see(event, body)
            pods.see(event, body)

        def see_run(event: str | None, body: Body) -> None:
            runs_shown.see(event, body)
            sight.see(event, body)

        registry = registry_of(cache, queue, watches)
        pace.metrics.register(registry)
        reconciler = Reconciler(
            cache,
            queue,
            PipelineRunApi(client, settings.identity),
            Realisers({"InProcess": in_process, "Subprocess": pods}),
            ReconcilerMetrics(registry),
        )
        background = [
            in_process.run(),
            pods.run(),
            *(watch.run() for watch in watches),
            *(reconciler.work() for _ in range(RECONCILERS)),
        ]
        _say_hello(settings)
        async with (
            serving(settings.http_port, Health(queue, watches), registry),
            asyncio.TaskGroup() as group,
        ):
            await installed(run_lister)
            tasks = [group.create_task(it) for it in background]
            await watch(
                login=lambda: connection_info(loaded),
                namespaces=settings.namespaces,
                see_run=see_run,
                see_pod=see_pod if settings.worker_image else None,
            )
            for task in tasks:
                task.cancel()
    logger.info("Operator %s has ended", settings.identity)


def _allowed(settings: OperatorSettings) -> tuple[str, ...]:
    """Namespaces whose runs may use mode InProcess."""
    if not settings.in_process:
        return ()
    if settings.in_process_namespaces is None:
        return (own_namespace(settings),)
    return settings.in_process_namespaces


def _say_hello(settings: OperatorSettings) -> None:
    logger.info(
        "Operator %s: watching %s, in-process runs in %s",
        settings.identity,
        ", ".join(settings.namespaces) or "all namespaces",
        ", ".join(_allowed(settings)) or "no namespace",
    )
