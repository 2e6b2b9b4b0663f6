"""Ray clusters of KubeRay that runs name."""

from pipelinerun.api.ray import Ray
from pipelinerun.api.violations import InvalidDefinitionError, Violation
from pipelinerun.controller.clusters.api import ClusterApi, NoRayClustersError
from pipelinerun.controller.clusters.cluster import address_of
from pipelinerun.controller.runs import Run
from pipelinerun.core import reasons
from pipelinerun.core.observed import Wait
from pipelinerun.core.pacing import CLUSTER_INTERVAL


class NamedClusters:
    """Reads the clusters that runs name. Errors of the client pass through."""

    def __init__(self, api: ClusterApi) -> None:
        self._api = api

    async def ray(self, run: Run) -> Ray | Wait:
        """What a run says of its Ray, with the address of the cluster that it names.

        Raises:
            InvalidDefinitionError: nothing that comes later makes it one.
        """
        assert run.spec is not None  # which names it
        given = run.spec.ray
        if given.cluster is None:
            return given
        try:
            found = await self._api.read(run.namespace, given.cluster)
        except NoRayClustersError as error:
            raise InvalidDefinitionError([Violation("ray.cluster", str(error))]) from error
        address = address_of(found) if found is not None else None
        if address is None:
            # In words that stay true while it comes up: a status is written once for a reason.
            name, namespace = given.cluster, run.namespace
            message = f"RayCluster {name} in namespace {namespace} has no head that is ready"
            return Wait(reasons.WAITING_FOR_CLUSTER, message, look_again=CLUSTER_INTERVAL)
        return given.model_copy(update={"address": address, "cluster": None})
