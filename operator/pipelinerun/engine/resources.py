"""How many replicas a stage gets, and what each of them reserves. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipelinerun.api.definition import Runtime, Stage
from pipelinerun.api.quantity import parse_quantity
from pipelinerun.api.violations import Violation

_SHARE = 0.5
"""Part of the CPUs that stateful stages together reserve at most by default; the rest is left for
functions, readers and writers."""
_TASK_CPUS = 1.0
"""What a function, reader or writer reserves while it runs: less than that starts none."""


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
    wanted, named = stage.resources, _named_cpus(stage)
    cpus = default_cpus if named is None else named
    reservation = {} if cpus is None else {"num_cpus": cpus}
    if wanted and wanted.gpus is not None:
        reservation["num_gpus"] = wanted.gpus
    if wanted and wanted.memory is not None:
        reservation["memory"] = float(parse_quantity(wanted.memory))
    return reservation


def default_actor_cpus(
    stages: Sequence[Stage], runtime: Runtime, cpus: float, *, taken: float = 0.0
) -> float:
    """CPUs of a replica of a stateful stage that names none.

    One, unless the stateful stages at their minimum would then reserve more than half of the CPUs
    or leave no whole one for tasks: a replica never lets go of what it has, so that a task would
    wait for ever. Then they share what there is for them, which may be nothing.

    Args:
        stages: those of the pipeline.
        runtime: how they scale.
        cpus: that Ray has.
        taken: CPUs that are taken for the length of the run by something else.
    """
    unnamed = [stage for stage in stages if stage.actor and _named_cpus(stage) is None]
    replicas = sum(scale_of(stage, runtime).minimum for stage in unnamed)
    tasks = max((_cpus_of(stage, _TASK_CPUS) for stage in stages if stage.callable), default=0.0)
    free = cpus - taken - _reserved_cpus(stages, runtime) - max(tasks, _TASK_CPUS)
    share = max(0.0, min(cpus * _SHARE, free))
    if replicas <= share:
        return 1.0
    return int(1000 * share / replicas) / 1000


def source_cpus(stages: Sequence[Stage], cpus: float) -> float | None:
    """CPUs of a source that yields, None for the default.

    Its only task lasts as long as the source does. With stateful stages the functions behind them
    are tasks of their own, for which a whole CPU has to be left, and so are checkpoints' writers.
    """
    others = any(stage.actor or stage.checkpoint for stage in stages)
    return 0.0 if cpus < 2 * _TASK_CPUS and others else None


def bounded(scale: Scale, reservation: Mapping[str, float], cpus: float) -> Scale:
    """The scale of replicas that may reserve nothing, so that nothing else bounds their number."""
    if scale.maximum is not None or any(reservation.values()):
        return scale
    return replace(scale, maximum=max(scale.minimum, int(cpus)))


def never_satisfied(
    stages: Sequence[Stage], runtime: Runtime, total: Mapping[str, float]
) -> Iterator[Violation]:
    """Stages that ask for more than there is, and would wait for ever."""
    enabled = {index: stage for index, stage in enumerate(stages) if stage.enabled}
    alone = [it for index in enabled for it in _too_much(index, enabled[index], runtime, total)]
    yield from alone or _too_much_together(enabled, runtime, total.get("CPU", 0.0))


def _too_much(
    index: int, stage: Stage, runtime: Runtime, total: Mapping[str, float]
) -> Iterator[Violation]:
    names = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
    copies = scale_of(stage, runtime).minimum if stage.actor else 1
    for name, wanted in reservation_of(stage, None).items():
        available = total.get(names[name], 0.0)
        if wanted * copies > available:
            times = f"{copies} x " if copies > 1 else ""
            unit = "bytes of memory" if name == "memory" else f"{names[name]}s"
            text = f"asks for {times}{wanted:.15g} {unit}, of which Ray has {available:.15g}"
            yield Violation(f"stages[{index}].resources", text)


def _too_much_together(
    stages: Mapping[int, Stage], runtime: Runtime, cpus: float
) -> Iterator[Violation]:
    """Classes that leave too little for a sink that is a function: it runs while they are there."""
    greedy = [index for index, stage in stages.items() if stage.actor and _cpus_of(stage, 0.0)]
    reserved = _reserved_cpus(stages.values(), runtime)
    writer = max(
        (_cpus_of(it, _TASK_CPUS) for it in stages.values() if it.type == "sink" and it.callable),
        default=0.0,
    )
    if greedy and reserved + writer > cpus:
        last = greedy[-1]
        text = (
            f"together with the other classes it reserves {reserved:.15g} of the {cpus:.15g} CPUs "
            f"that Ray has, and the sink needs {writer:.15g}"
        )
        yield Violation(f"stages[{last}].resources", text)


def _named_cpus(stage: Stage) -> float | None:
    return stage.resources.cpus if stage.resources else None


def _cpus_of(stage: Stage, default: float) -> float:
    named = _named_cpus(stage)
    return default if named is None else named


def _reserved_cpus(stages: Iterable[Stage], runtime: Runtime) -> float:
    """CPUs that classes at their minimum reserve because they say so."""
    return sum(
        _cpus_of(stage, 0.0) * scale_of(stage, runtime).minimum for stage in stages if stage.actor
    )
