"""How many replicas a stage gets, and what each of them reserves. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelinerun.api.definition import Runtime, Stage
from pipelinerun.api.quantity import parse_quantity
from pipelinerun.api.violations import Violation

_SHARE = 0.5
"""Part of the CPUs that stateful stages together reserve at least when there are too many of them;
the rest is left for functions, readers and writers."""


@dataclass(frozen=True)
class Scale:
    """Replicas of a stage; ``maximum`` None is as many as the resources allow."""

    minimum: int
    maximum: int | None


def scale_of(stage: Stage, runtime: Runtime) -> Scale:
    """The replicas that a stage asks for."""
    wanted = stage.replicas
    if wanted is None:
        return Scale(1, 1) if runtime.disable_dynamic_scaling else Scale(1, None)
    if runtime.disable_dynamic_scaling:
        exact = wanted.static or wanted.max or wanted.min or 1
        return Scale(exact, exact)
    return Scale(wanted.min or 1, wanted.max)


def reservation_of(stage: Stage, default_cpus: float | None) -> dict[str, float]:
    """What one replica reserves, as arguments of Ray Data; nothing for its defaults."""
    wanted = stage.resources
    cpus = wanted.cpus if wanted and wanted.cpus is not None else default_cpus
    reservation = {} if cpus is None else {"num_cpus": cpus}
    if wanted and wanted.gpus is not None:
        reservation["num_gpus"] = wanted.gpus
    if wanted and wanted.memory is not None:
        reservation["memory"] = float(parse_quantity(wanted.memory))
    return reservation


def default_actor_cpus(stages: Sequence[Stage], runtime: Runtime, cpus: float) -> float:
    """CPUs of a replica of a stateful stage that names none.

    One, unless the stateful stages at their minimum would leave the rest of the pipeline nothing:
    then they share half of the CPUs, since a stage that never gets its first replica stops all.
    """
    replicas = sum(scale_of(stage, runtime).minimum for stage in stages if stage.actor)
    if replicas == 0 or replicas <= cpus * _SHARE:
        return 1.0
    return max(0.001, int(1000 * cpus * _SHARE / replicas) / 1000)


def never_satisfied(
    stages: Sequence[Stage], runtime: Runtime, total: Mapping[str, float]
) -> Iterator[Violation]:
    """Stages that ask for more than there is, and would wait for ever."""
    names = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
    for index, stage in enumerate(stages):
        if not stage.enabled:
            continue
        copies = scale_of(stage, runtime).minimum if stage.actor else 1
        for name, wanted in reservation_of(stage, None).items():
            available = total.get(names[name], 0.0)
            if wanted * copies > available:
                times = f"{copies} x " if copies > 1 else ""
                unit = "bytes of memory" if name == "memory" else f"{names[name]}s"
                text = f"asks for {times}{wanted:.15g} {unit}, of which Ray has {available:.15g}"
                yield Violation(f"stages[{index}].resources", text)
