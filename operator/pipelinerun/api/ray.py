"""Which Ray executes a pipeline."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from pipelinerun.api.fields import ObjectName
from pipelinerun.api.metadata import TemplateMetadata
from pipelinerun.api.model import ApiModel
from pipelinerun.api.rules import Rule
from pipelinerun.api.violations import Violation

_DASHBOARD = "^https?://[^@/?#]+(/[^@?#]*)?$"


def wrong_without_cluster(ray: "Ray") -> Iterator[Violation]:
    """What only the operator can find, seen from ``ray``."""
    if ray.cluster is not None:
        yield Violation("cluster", "is found by the operator; without one give the address")
    if ray.cluster_template is not None:
        text = "is made into a cluster by the operator; without one give the address"
        yield Violation("clusterTemplate", text)


class SecretKey(ApiModel):
    """One value in a Secret."""

    name: ObjectName
    """Name of the Secret, in the run's namespace."""
    key: Annotated[str, Field(min_length=1, max_length=253)] = "token"
    """Key in its data."""


class ClusterTemplate(ApiModel):
    """A RayCluster to be."""

    metadata: TemplateMetadata = Field(default_factory=TemplateMetadata)
    """Labels and annotations."""
    spec: Mapping[str, Any]
    """The spec of a RayCluster. Free-form here; the API server checks it when the cluster is
    created."""


class Ray(ApiModel):
    """Which Ray executes the pipeline: one of its own unless a cluster is given."""

    RULES: ClassVar = (
        Rule(
            "address",
            f"!has(self.address) || self.address.matches('{_DASHBOARD}')",
            lambda it: it.address is None or re.fullmatch(_DASHBOARD, it.address) is not None,
            "must be the address of the dashboard, such as http://head:8265, where jobs"
            " are submitted; not that of Ray's client (ray://head:10001) or of its control service"
            " (head:6379)",
        ),
        Rule(
            "cluster",
            "!has(self.cluster) || !has(self.address)",
            lambda it: it.cluster is None or it.address is None,
            "cannot be given together with address",
        ),
        Rule(
            "clusterTemplate",
            "!has(self.clusterTemplate) || !has(self.address) && !has(self.cluster)",
            lambda it: it.cluster_template is None or not (it.address or it.cluster),
            "cannot be given together with address or cluster",
        ),
        Rule(
            "tokenSecret",
            "!has(self.tokenSecret) || has(self.address) || has(self.cluster)"
            " || has(self.clusterTemplate)",
            lambda it: (
                it.token_secret is None or bool(it.address or it.cluster or it.cluster_template)
            ),
            "is for a cluster: it needs address, cluster or clusterTemplate",
        ),
    )

    address: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """Address of the dashboard of a Ray cluster, such as http://head:8265. The pipeline is
    submitted there as a job."""
    cluster: ObjectName | None = None
    """RayCluster of KubeRay in the run's namespace, in place of its address. While its head is not
    ready the run waits."""
    cluster_template: ClusterTemplate | None = None
    """A RayCluster of KubeRay that each attempt is given for itself: the operator creates it, and
    deletes it when the attempt has ended. The attempt is Starting until all its pods are ready."""
    token_secret: SecretKey | None = None
    """Where the token of a cluster with RAY_AUTH_MODE=token is. Only for mode: Subprocess."""
