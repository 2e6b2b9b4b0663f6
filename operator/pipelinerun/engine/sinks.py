"""Sinks: some take the whole Dataset, the others are called per row or batch."""

import inspect
from collections.abc import Iterator
from typing import Any

from ray.data import Dataset

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.stage import Stage
from pipelinerun.api.violations import Violation
from pipelinerun.engine.loading import load

_NAMES = frozenset({"ray.data.Dataset", "data.Dataset", "Dataset"})


def wrong_sinks(definition: PipelineDefinition) -> Iterator[Violation]:
    """Sinks that are given the Dataset, and ask for what only goes with single calls.

    Their code can be loaded.
    """
    for index, stage in enumerate(definition.stages):
        asked = {
            f"stages[{index}].onError": stage.on_error != "Fail",
            f"stages[{index}].taskFilters": bool(stage.task_filters),
            f"stages[{index}].taskMatches": bool(stage.task_matches),
            **{
                f"edges[{number}].queueSize": edge.queue_size is not None
                for number, edge in enumerate(definition.edges)
                if edge.to == stage.name
            },
        }
        if stage.enabled and any(asked.values()) and takes_dataset(stage):
            text = "the sink is given the whole Dataset, so that nothing is known of single rows"
            yield from (Violation(path, text) for path, it in asked.items() if it)
    letters = definition.dead_letters and definition.dead_letters.sink
    if letters and takes_dataset(letters):
        yield Violation("deadLetters.callable", "is given one dead letter after the other, a dict")


def takes_dataset(stage: Stage) -> bool:
    """Whether a sink is given the Dataset.

    A method of Dataset is, and so is a function whose first parameter is annotated with
    ``ray.data.Dataset`` or named ``dataset``, unless ``per`` says otherwise.
    """
    if stage.type != "sink" or stage.per is not None or stage.callable is None:
        return False
    target = load(stage.callable)
    if _is_method(target):
        return True
    parameter = _first_parameter(target)
    if parameter is None:
        return False
    annotation = parameter.annotation
    return annotation is Dataset or annotation in _NAMES or parameter.name == "dataset"


def reads_once(stage: Stage) -> bool:
    """Whether a sink that is given the Dataset is sure to read all of it, once: a writer is."""
    assert stage.callable is not None
    target = load(stage.callable)
    return _is_method(target) and target.__name__.startswith("write_")


def _is_method(target: Any) -> bool:
    named = getattr(target, "__qualname__", "").startswith("Dataset.")
    return named and hasattr(Dataset, target.__name__)


def _first_parameter(target: Any) -> inspect.Parameter | None:
    try:
        return next(iter(inspect.signature(target).parameters.values()), None)
    except (TypeError, ValueError):
        return None
