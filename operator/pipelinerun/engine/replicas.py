"""From strategies to numbers of replicas, once it is known what Ray has. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipelinerun.api.definition import PipelineDefinition, Runtime
from pipelinerun.api.quantity import parse_quantity
from pipelinerun.api.replicas import MAX_REPLICAS, Replicas, ReplicaStrategy

THRESHOLD = 0.75
"""Share of the memory that replicas may need where nothing else is said."""


@dataclass(frozen=True)
class Machine:
    """What Ray has: CPUs, and bytes of memory, its object store included."""

    cpus: float
    memory: float

    @staticmethod
    def of(resources: Mapping[str, float]) -> "Machine":
        """The machine with these resources, by Ray's names."""
        memory = resources.get("memory", 0.0) + resources.get("object_store_memory", 0.0)
        return Machine(resources.get("CPU", 0.0), memory)


def with_numbers(definition: PipelineDefinition, machine: Machine) -> PipelineDefinition:
    """The definition with every strategy replaced by the number that it comes to."""
    runtime = definition.runtime
    if runtime.disable_dynamic_scaling:
        numbers = _exact(definition, machine)
    else:
        numbers = {
            index: _bounds(stage.replicas, runtime, machine)
            for index, stage in enumerate(definition.stages)
            if stage.replicas is not None
        }
    stages = [
        stage.model_copy(update={"replicas": numbers[index]}) if index in numbers else stage
        for index, stage in enumerate(definition.stages)
    ]
    return definition.model_copy(update={"stages": stages})


def _bounds(wanted: Replicas, runtime: Runtime, machine: Machine) -> Replicas:
    threshold = runtime.dynamic_memory_threshold
    least = _number(wanted.min, wanted.min_by, threshold, machine)
    most = _number(wanted.max, wanted.max_by, threshold, machine)
    if most is not None:
        most = max(most, least or 1)
    return Replicas(min=least, max=most)


def _exact(definition: PipelineDefinition, machine: Machine) -> dict[int, Replicas]:
    threshold = definition.runtime.static_memory_threshold
    numbers: dict[int, int] = {}
    sharing: dict[int, tuple[int, int]] = {}
    for index, stage in enumerate(definition.stages):
        if stage.replicas is None or not stage.enabled:
            continue
        number, strategy = _wanted(stage.replicas)
        numbers[index] = _number(number, strategy, threshold, machine) or 1
        if strategy is not None and strategy.memory_static_global_percent is not None:
            each = parse_quantity(strategy.memory_static_global_percent.memory_per_replica)
            sharing[index] = numbers[index], each
    budget = machine.memory * (THRESHOLD if threshold is None else threshold)
    numbers |= scaled_down(sharing, budget)
    return {index: Replicas(static=number) for index, number in numbers.items()}


def _wanted(replicas: Replicas) -> tuple[int | None, ReplicaStrategy | None]:
    """What is said of the number that is to hold all the time."""
    given = (
        (replicas.static, replicas.static_by),
        (replicas.max, replicas.max_by),
        (replicas.min, replicas.min_by),
    )
    return next((it for it in given if it != (None, None)), (None, None))


def scaled_down(wanted: Mapping[int, tuple[int, int]], budget: float) -> dict[int, int]:
    """Replicas that fit into a budget of memory, in the proportions wanted; at least 1 of each.

    Args:
        wanted: by a key, the replicas and the memory that each of them needs.
        budget: for all of them together. Where not even 1 of each fits it is 1 of each.
    """
    free, fixed = dict(wanted), dict[int, int]()
    while free:
        left = budget - sum(wanted[key][1] for key in fixed)
        demand = sum(count * each for count, each in free.values())
        factor = min(1.0, left / demand) if demand else 1.0
        short = [key for key, (count, _) in free.items() if count * factor < 1]
        if not short:
            return fixed | {key: int(count * factor) for key, (count, _) in free.items()}
        for key in short:
            del free[key]
            fixed[key] = 1
    return fixed


def _number(
    number: int | None, strategy: ReplicaStrategy | None, threshold: float | None, machine: Machine
) -> int | None:
    if strategy is None:
        return number
    share = THRESHOLD if threshold is None else threshold
    limit: int | None = None
    found = 0
    if by_cpus := strategy.cpu_percentage:
        found, limit = int(machine.cpus * by_cpus.share), by_cpus.limit
    elif by_memory := strategy.memory_thresholding:
        if by_memory.threshold is not None:
            share = by_memory.threshold
        found = _fitting(machine.memory * share, by_memory.memory_per_replica)
        limit = by_memory.limit
    elif shared := strategy.memory_static_global_percent:
        memory = machine.memory * share
        if shared.budget is not None:
            memory = min(memory, parse_quantity(shared.budget))
        found, limit = _fitting(memory, shared.memory_per_replica), shared.limit
    return max(1, min(found, MAX_REPLICAS if limit is None else limit))


def _fitting(memory: float, each: str) -> int:
    return int(memory // max(1, parse_quantity(each)))
