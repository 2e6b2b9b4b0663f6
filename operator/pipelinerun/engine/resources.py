"""How many replicas a stage gets, and what each of them reserves. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipelinerun.api.definition import PipelineDefinition, Runtime
from pipelinerun.api.quantity import parse_quantity
from pipelinerun.api.stage import Stage
from pipelinerun.api.topology import Topology, topology_of
from pipelinerun.api.violations import Violation

_SHARE = 0.5
"""Part of the CPUs that stateful stages together reserve at most by default; the rest is left for
functions, readers and writers."""
_TASK_CPUS = 1.0
"""What a function, reader or writer reserves while it runs: less than that starts none."""
_NAMES = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
"""Ray's names of resources, by those of the arguments of Ray Data."""


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

    Its only task lasts as long as the source does. With stateful stages or several sources the
    functions behind them are tasks of their own, for which a whole CPU has to be left, and so are
    checkpoints' writers.
    """
    sources = sum(stage.type == "source" for stage in stages)
    others = sources > 1 or any(stage.actor or stage.checkpoint for stage in stages)
    return 0.0 if cpus < (sources + 1) * _TASK_CPUS and others else None


def bounded(scale: Scale, reservation: Mapping[str, float], cpus: float) -> Scale:
    """The scale of replicas that may reserve nothing, so that nothing else bounds their number."""
    if scale.maximum is not None or any(reservation.values()):
        return scale
    return replace(scale, maximum=max(scale.minimum, int(cpus)))


def never_satisfied(
    definition: PipelineDefinition, nodes: Sequence[Mapping[str, float]]
) -> Iterator[Violation]:
    """Stages that ask for more than there is, and would wait for ever.

    Args:
        definition: valid, with numbers of replicas.
        nodes: what each node of Ray has, by Ray's names of resources.
    """
    stages = {index: it for index, it in enumerate(definition.stages) if it.enabled}
    runtime = definition.runtime
    alone = [it for index in stages for it in _too_much(index, stages[index], runtime, nodes)]
    yield from alone or _too_much_together(definition, stages, nodes)


def _too_much(
    index: int, stage: Stage, runtime: Runtime, nodes: Sequence[Mapping[str, float]]
) -> Iterator[Violation]:
    copies = scale_of(stage, runtime).minimum if stage.actor else 1
    needed = {_NAMES[name]: it for name, it in reservation_of(stage, None).items() if it}
    place = f"stages[{index}].resources"
    short = False
    for name, each in needed.items():
        available = _total(nodes, name)
        if each * copies > available:
            times = f"{copies} x " if copies > 1 else ""
            text = f"asks for {times}{_amount(name, each)}, of which Ray has {available:.15g}"
            yield Violation(place, text)
            short = True
    if short or not needed:
        return
    rooms = [min(node.get(name, 0.0) / it for name, it in needed.items()) for node in nodes]
    places = sum(map(int, rooms))
    if places < copies:
        each_needs = " and ".join(_amount(name, each) for name, each in needed.items())
        text = f"asks for {copies} x {each_needs}; the nodes of Ray have room for {places}"
        yield Violation(place, text)


def _too_much_together(
    definition: PipelineDefinition,
    stages: Mapping[int, Stage],
    nodes: Sequence[Mapping[str, float]],
) -> Iterator[Violation]:
    """Classes that leave too little for each other, or for tasks: both are there at once."""
    tasks = _tasks(definition, _total(nodes, "CPU"))
    for name in _NAMES.values():
        held = {
            index: _need(stage, name) * scale_of(stage, definition.runtime).minimum
            for index, stage in stages.items()
            if stage.actor and _need(stage, name)
        }
        reserved, available = sum(held.values()), _total(nodes, name)
        task = max(tasks, key=lambda it: _need(it, name), default=None)
        wanted = _need(task, name) if task else 0.0
        if not held or reserved + wanted <= available:
            continue
        text = (
            f"together with the other classes it reserves {_amount(name, reserved)},"
            f" of which Ray has {available:.15g}"
        )
        if task is not None and reserved <= available:
            text += f", and {task.name!r} needs {wanted:.15g} while they are there"
        yield Violation(f"stages[{list(held)[-1]}].resources", text)


def _tasks(definition: PipelineDefinition, cpus: float) -> list[Stage]:
    """Functions, readers and writers that run as tasks of their own.

    Ray Data makes a function one with what comes after it where that reserves the same.
    """
    topology = topology_of(definition)
    return [
        stage
        for stage in topology.stages.values()
        if stage.callable and not _is_fused(stage, topology, cpus)
    ]


def _is_fused(stage: Stage, topology: Topology, cpus: float) -> bool:
    """Whether a function runs in the replicas of a class after it, which takes no other rows."""
    while stage.callable:
        after = topology.after[stage.name]
        if len(after) != 1 or stage.checkpoint or _is_lighter(stage, topology.stages, cpus):
            return False
        before, stage = stage, topology.stages[after[0]]
        if len(topology.before[stage.name]) > 1:
            return False
        if any(_need(before, name) != _need(stage, name) for name in _NAMES.values()):
            return False
    return True


def _is_lighter(stage: Stage, by_name: Mapping[str, Stage], cpus: float) -> bool:
    """Whether a stage is a source that yields and reserves less than functions do."""
    if stage.type != "source" or stage.import_path.startswith("ray.data:"):
        return False
    return source_cpus([*by_name.values()], cpus) is not None


def _need(stage: Stage, name: str) -> float:
    """What one replica of a stage needs of a resource, by Ray's name."""
    default = None if stage.actor else _TASK_CPUS
    needed = {_NAMES[key]: it for key, it in reservation_of(stage, default).items()}
    return needed.get(name, 0.0)


def _total(nodes: Iterable[Mapping[str, float]], name: str) -> float:
    return sum(node.get(name, 0.0) for node in nodes)


def _amount(name: str, amount: float) -> str:
    return f"{amount:.15g} {'bytes of memory' if name == 'memory' else f'{name}s'}"


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
