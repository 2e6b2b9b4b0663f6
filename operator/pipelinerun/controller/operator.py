"""The operator process: everything put together."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from kubernetes.aio.client import ApiClient

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
from pipelinerun.controller.clusters.api import ClusterApi
from pipelinerun.controller.clusters.made import MadeClusters
from pipelinerun.controller.clusters.named import NamedClusters
from pipelinerun.controller.code_sources import CodeSources
from pipelinerun.controller.duty import Duty
from pipelinerun.controller.election import Election, LeaseLostError
from pipelinerun.controller.freshness import RUNS, Freshness
from pipelinerun.controller.gauges import Gauges, registry_of
from pipelinerun.controller.health import Health
from pipelinerun.controller.history import History
from pipelinerun.controller.http import serving
from pipelinerun.controller.inprocess.realiser import InProcessRealiser
from pipelinerun.controller.leadership import Leadership
from pipelinerun.controller.leases import LeaseApi
from pipelinerun.controller.limiter import RateLimiter
from pipelinerun.controller.listing import NotServedError, installed
from pipelinerun.controller.log import set_up_logging
from pipelinerun.controller.metrics import Meters
from pipelinerun.controller.pods.api import PodApi
from pipelinerun.controller.pods.progress import Progress
from pipelinerun.controller.pods.realiser import WorkerPodRealiser
from pipelinerun.controller.priorities import priority_of
from pipelinerun.controller.queue import WorkQueue
from pipelinerun.controller.realisers import Realisers
from pipelinerun.controller.reconciler import Reconciler
from pipelinerun.controller.runs import RunKey
from pipelinerun.controller.settings import OperatorSettings
from pipelinerun.controller.sight import RunSight
from pipelinerun.controller.staleness import Staleness
from pipelinerun.controller.watched import Watched
from pipelinerun.controller.watcher import watch
from pipelinerun.core.leases import LeaseTimes

logger = logging.getLogger(__name__)

RECONCILERS = 8
"""Runs reconciled at once; each waits for the API server most of its time."""

_RUNS = (GROUP, VERSION, PLURAL)
_PODS = ("", "v1", "pods")
_NAMESPACES = ("", "v1", "namespaces")


def run_operator(settings: OperatorSettings) -> bool:
    """Run an operator until SIGINT or SIGTERM.

    Returns:
        Whether it ended because it was told to; else the log says why.
    """
    set_up_logging(settings.log_format, verbose=settings.verbose)
    ended_in_order = True
    try:
        asyncio.run(serve(settings))
    except* LeaseLostError as errors:
        ended_in_order = False
        logger.error("The lease is lost: %s", _first(errors))  # noqa: TRY400 - no traceback
    except* NotServedError as errors:
        ended_in_order = False
        logger.error("The operator cannot work here: %s", _first(errors))  # noqa: TRY400 - no traceback
    return ended_in_order


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


async def serve(settings: OperatorSettings) -> None:
    """Run an operator until the process is told to end; it ends as a whole if any part fails.

    Raises:
        LeaseLostError: in a group; it does not lead any more.
        NotServedError: in a group; it may not see what it is there for.
    """
    loaded = await configuration(settings)
    leadership = Leadership(elected=settings.lease is not None)
    queue: WorkQueue[RunKey] = WorkQueue(lambda key: priority_of(cache.get(key)))

    def announce(key: RunKey) -> None:
        duty.announce(key)

    def forget(key: RunKey) -> None:
        pods.release(key)
        made.forget(key)

    cache = RunCache(History(settings.history, announce))
    duty = Duty(
        leadership,
        cache,
        queue,
        everywhere=settings.namespace_selector is None,
        forget=forget,
    )
    sight = RunSight(cache, announce)
    in_process = InProcessRealiser(
        settings,
        leadership,
        namespaces=_allowed(settings),
        announce=announce,
        announce_all=duty.announce_all,
    )
    limiter = RateLimiter(settings.api_qps, settings.api_burst)
    meters, staleness = Meters(), Staleness(cache, duty)
    pace = Pace(leadership, limiter, meters)
    async with api_client(loaded, pace) as client, api_client(loaded) as lease_client:
        pods = WorkerPodRealiser(
            PodApi(client),
            Progress(),
            image=settings.worker_image,
            template=settings.worker_template,
            announce=announce,
        )
        named, made = NamedClusters(ClusterApi(client)), MadeClusters(ClusterApi(client))
        realisers = Realisers({"InProcess": in_process, "Subprocess": pods}, made)
        kinds = _watched(settings, client, sight, pods, duty)
        watches = [it.freshness for it in kinds]
        election = _election(settings, lease_client, leadership, in_process.extend)
        registry = registry_of(Gauges(cache, queue, watches, leadership, duty, staleness))
        meters.register(registry)
        reconciler = Reconciler(
            cache,
            queue,
            PipelineRunApi(client, settings.identity),
            realisers,
            CodeSources(client),
            duty,
            meters,
            staleness,
            named=named,
            made=made,
        )

        _say_hello(settings)
        async with (
            serving(settings.http_port, Health(queue, watches, election), registry),
            asyncio.TaskGroup() as group,
        ):
            # First of all: what runs in the gateway ends if nobody takes it over in time.
            leading = _lead(election, duty, in_process, pods, reconciler)
            listing = _listed(watches, duty, in_process)
            tasks = [group.create_task(it) for it in (leading, listing, in_process.run())]
            for kind in kinds:
                await installed(kind.listing)
            tasks += [group.create_task(it.run()) for it in watches]
            await watch(lambda: connection_info(loaded), settings.namespaces, kinds)
            nothing_is_left = in_process.ends_with_operator
            for task in tasks:
                task.cancel()
        if election is not None and nothing_is_left:
            await election.give_back()
    logger.info("Operator %s has ended", settings.identity)


async def _listed(watches: Sequence[Freshness], duty: Duty, in_process: InProcessRealiser) -> None:
    """Once everything was listed, what is not there is gone."""
    for it in watches:
        await it.completed()
    duty.complete()
    in_process.announce_known()


async def _lead(
    election: Election | None,
    duty: Duty,
    in_process: InProcessRealiser,
    pods: WorkerPodRealiser,
    reconciler: Reconciler,
) -> None:
    """Carry out runs, as soon as and as long as this operator may."""
    if election is not None:
        await election.win()
    duty.begin()
    in_process.announce_known()
    async with asyncio.TaskGroup() as group:
        group.create_task(pods.run())
        for _ in range(RECONCILERS):
            group.create_task(reconciler.work())
        if election is not None:
            group.create_task(election.keep())


def _watched(
    settings: OperatorSettings,
    client: ApiClient,
    sight: RunSight,
    pods: WorkerPodRealiser,
    duty: Duty,
) -> list[Watched]:
    """What there is to see. The API server answers for each, or the operator does not start."""
    namespaces, selector = settings.namespaces, settings.namespace_selector
    kinds = [Watched(client, sight, RUNS, _RUNS, namespaces=namespaces)]
    if settings.worker_image is not None:
        kinds.append(
            Watched(client, pods, "pods", _PODS, namespaces=namespaces, selector=LABEL_UID)
        )
    if selector is not None:
        kinds.append(Watched(client, duty, "namespaces", _NAMESPACES, selector=selector))
    return kinds


def _election(
    settings: OperatorSettings,
    client: ApiClient,
    leadership: Leadership,
    extended: Callable[[], None],
) -> Election | None:
    if settings.lease is None:
        return None
    times = LeaseTimes(settings.lease.duration)
    namespace = settings.lease.namespace or own_namespace(settings)
    leases = LeaseApi(client, namespace, settings.lease.name, times.request)
    return Election(leases, settings.identity, times, leadership, extended)


def _allowed(settings: OperatorSettings) -> tuple[str, ...]:
    """Namespaces whose runs may use mode InProcess."""
    if not settings.in_process:
        return ()
    if settings.in_process_namespaces is None:
        return (own_namespace(settings),)
    return settings.in_process_namespaces


def _say_hello(settings: OperatorSettings) -> None:
    selected = f"namespaces with {settings.namespace_selector}"
    logger.info(
        "Operator %s: watching %s, in-process runs in %s",
        settings.identity,
        ", ".join(settings.namespaces)
        or ("all namespaces" if settings.namespace_selector is None else selected),
        ", ".join(_allowed(settings)) or "no namespace",
    )
