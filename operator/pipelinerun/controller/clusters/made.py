"""RayClusters that are made for attempts, and go with them."""

import logging
import time
from typing import Any

from kubernetes.aio.client.exceptions import ApiException

from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.ray import Ray
from pipelinerun.api.status import UNDER_WAY_PHASES
from pipelinerun.api.violations import InvalidDefinitionError, Violation
from pipelinerun.controller.clusters.api import ClusterApi, NoRayClustersError
from pipelinerun.controller.clusters.cluster import address_of, complete, owned_by, trouble_of
from pipelinerun.controller.clusters.template import cluster_manifest, cluster_name
from pipelinerun.controller.errors import may_be_done, message_of
from pipelinerun.controller.runs import Body, Run, RunKey
from pipelinerun.core import reasons
from pipelinerun.core.observed import Sighting
from pipelinerun.core.status import cluster_awaited

logger = logging.getLogger(__name__)

_INVALID = frozenset({400, 413, 422})
_FORBIDDEN = 403
_LATE = 60.0
"""Seconds for which an API server may still do what nobody waits for any more: its default."""


class MadeClusters:
    """Makes a RayCluster for each attempt of a run with a template, and deletes it.

    That there may be one is recorded in the status before, by its name. What is remembered here
    only saves looking: an operator that begins anew looks at the clusters themselves.
    """

    def __init__(self, api: ClusterApi) -> None:
        self._api = api
        self._awaited: dict[RunKey, tuple[str, Sighting]] = {}
        self._gone: dict[RunKey, str] = {}
        self._may_come: dict[RunKey, float] = {}

    async def leftover(self, run: Run) -> str | None:
        """The RayCluster of an attempt of the run that has ended, while it is there or may come."""
        worker = run.status.worker
        name = worker.ray_cluster if worker is not None else None
        if name is None or run.status.phase in UNDER_WAY_PHASES:
            return None
        if time.monotonic() < self._may_come.get(run.key, 0.0):
            return name
        if self._gone.get(run.key) == name:
            return None
        try:
            if await self._api.read(run.namespace, name) is not None:
                return name
        except NoRayClustersError:
            pass  # there is none, or nothing that this operator could do about it
        self._gone[run.key] = name
        return None

    async def ray(self, run: Run, number: int) -> Ray | Sighting:
        """The Ray of an attempt whose intent is recorded, or what is seen while it comes up.

        Makes the cluster unless it is there. Errors of the client pass through.

        Raises:
            InvalidDefinitionError: there will never be one.
        """
        assert run.spec is not None  # which has the template
        try:
            found = await self._provided(run, number)
        except NoRayClustersError as error:
            raise _invalid(str(error)) from error
        except ApiException as error:
            if error.status in _INVALID:
                raise _invalid(message_of(error)) from error
            if error.status == _FORBIDDEN:  # by a quota, say
                return _blocked(number, message_of(error))
            raise
        trouble = trouble_of(found)
        if trouble is not None:
            return _blocked(number, f"RayCluster {found['metadata']['name']}: {trouble}")
        address = address_of(found)
        if address is None or not complete(found):
            message = cluster_awaited(found["metadata"]["name"])
            return Sighting(number, "Starting", reason=reasons.WAITING_FOR_CLUSTER, message=message)
        return run.spec.ray.model_copy(update={"address": address, "cluster_template": None})

    def note(self, run: Run, sighting: Sighting | None) -> None:
        """What is seen of an attempt that waits for its cluster; None if it does not."""
        if sighting is None:
            self._awaited.pop(run.key, None)
        else:
            self._awaited[run.key] = run.uid, sighting

    def sighting(self, run: Run, number: int) -> Sighting | None:
        """What is seen of an attempt that waits for its cluster."""
        uid, sighting = self._awaited.get(run.key, ("", None))
        mine = sighting is not None and (uid, sighting.number) == (run.uid, number)
        return sighting if mine else None

    async def delete(self, run: Run, name: str) -> None:
        """Delete the RayCluster of an attempt that has ended."""
        try:
            await self._api.delete(run.namespace, name)
        except NoRayClustersError as error:
            logger.warning("RayCluster %s is left to the garbage collector: %s", name, error)
        if run.key not in self._may_come:
            self._gone[run.key] = name

    def forget(self, key: RunKey) -> None:
        """Nothing needs to be known of the run any more; its clusters go with it."""
        self._awaited.pop(key, None)
        self._gone.pop(key, None)
        self._may_come.pop(key, None)

    async def _provided(self, run: Run, number: int) -> Body:
        assert run.spec is not None
        template = run.spec.ray.cluster_template
        assert template is not None  # else nothing would be made
        name = cluster_name(run.name, run.uid, number)
        found = await self._api.read(run.namespace, name)
        if found is None:
            found = await self._created(run, cluster_manifest(template, run, number))
        if not owned_by(found, run.uid):
            raise _invalid(f"there is a RayCluster {name} already, and it is not this run's")
        return found

    async def _created(self, run: Run, manifest: dict[str, Any]) -> Body:
        try:
            return await self._api.create(run.namespace, manifest)
        except Exception as error:
            if may_be_done(error):
                self._may_come[run.key] = time.monotonic() + _LATE
            raise


def _blocked(number: int, message: str) -> Sighting:
    text = message[:MESSAGE_LIMIT]
    return Sighting(number, "Starting", reason=reasons.CLUSTER_BLOCKED, message=text)


def _invalid(message: str) -> InvalidDefinitionError:
    return InvalidDefinitionError([Violation("ray.clusterTemplate", message)])
