"""How many copies of a stage run at once."""

from typing import Annotated, ClassVar

from pydantic import Field

from pipelinerun.api.fields import Quantity, Share
from pipelinerun.api.model import ApiModel
from pipelinerun.api.rules import Rule

MAX_REPLICAS = 10_000

Count = Annotated[int, Field(ge=1, le=MAX_REPLICAS)]


class CpuPercentage(ApiModel):
    """As many replicas as a share of Ray's CPUs comes to, rounded down; at least 1."""

    share: Share
    """Share of the CPUs, from 0 to 1."""
    limit: Count | None = None
    """Upper bound."""


class MemoryThresholding(ApiModel):
    """As many replicas as fit into a share of the memory that Ray has; at least 1."""

    memory_per_replica: Quantity
    """What one replica needs, for example 10Gi."""
    threshold: Share | None = None
    """Share of the memory, from 0 to 1. When left out dynamicMemoryThreshold of the runtime, or
    staticMemoryThreshold where dynamic scaling is disabled; 0.75 when that is left out too."""
    limit: Count | None = None
    """Upper bound."""


class MemoryStaticGlobalPercent(ApiModel):
    """As memoryThresholding, but without dynamic scaling all such stages share the memory.

    When they want more together, each is scaled down, to no less than 1.
    """

    memory_per_replica: Quantity
    """What one replica needs, for example 10Gi."""
    budget: Quantity | None = None
    """Memory for this stage, if that is less than the share that the runtime's threshold gives."""
    limit: Count | None = None
    """Upper bound."""


class ReplicaStrategy(ApiModel):
    """How a number of replicas is worked out when the run starts: exactly one way."""

    RULES: ClassVar = (
        Rule(
            "",
            "has(self.cpuPercentage)"
            " ? !has(self.memoryThresholding) && !has(self.memoryStaticGlobalPercent)"
            " : has(self.memoryThresholding) != has(self.memoryStaticGlobalPercent)",
            lambda it: it.ways == 1,
            "exactly one of cpuPercentage, memoryThresholding and memoryStaticGlobalPercent is"
            " needed",
        ),
    )

    cpu_percentage: CpuPercentage | None = None
    """By a share of the CPUs that Ray has."""
    memory_thresholding: MemoryThresholding | None = None
    """By a share of the memory that Ray has."""
    memory_static_global_percent: MemoryStaticGlobalPercent | None = None
    """By a share of the memory, which all such stages share where dynamic scaling is disabled."""

    @property
    def ways(self) -> int:
        """How many ways are given; one in a valid definition."""
        given = (self.cpu_percentage, self.memory_thresholding, self.memory_static_global_percent)
        return sum(it is not None for it in given)


class Replicas(ApiModel):
    """How many copies of a stage run at once."""

    RULES: ClassVar = (
        Rule(
            "min",
            "!has(self.max) || !has(self.min) || self.min <= self.max",
            lambda it: it.max is None or it.min is None or it.min <= it.max,
            "must not exceed max",
        ),
        Rule(
            "minBy",
            "!has(self.min) || !has(self.minBy)",
            lambda it: it.min is None or it.min_by is None,
            "does not go with min",
        ),
        Rule(
            "maxBy",
            "!has(self.max) || !has(self.maxBy)",
            lambda it: it.max is None or it.max_by is None,
            "does not go with max",
        ),
        Rule(
            "staticBy",
            "!has(self.static) || !has(self.staticBy)",
            lambda it: it.static is None or it.static_by is None,
            "does not go with static",
        ),
    )

    min: Count | None = None
    """Replicas kept while the stage has work; 1 when left out. Stateful stages only scale
    between min and max; for functions max bounds the concurrent tasks."""
    min_by: ReplicaStrategy | None = None
    """The same, worked out when the run starts."""
    max: Count | None = None
    """Upper bound; as many as the resources allow when left out."""
    max_by: ReplicaStrategy | None = None
    """The same, worked out when the run starts; never less than the minimum."""
    static: Count | None = None
    """Exact number when dynamic scaling is disabled; that of max (else min, else 1) when left
    out."""
    static_by: ReplicaStrategy | None = None
    """The same, worked out when the run starts."""
