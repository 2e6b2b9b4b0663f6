"""Loading stage code, and checking that it can be called as the definition says."""

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.stage import FinallyStage, Stage
from pipelinerun.api.violations import Violation
from pipelinerun.engine.context import StageContext
from pipelinerun.engine.errors import LoadError

CONTEXT = "context"
"""Keyword by which stage code asks for a ``StageContext``."""
_ROW = object()


def load(path: str) -> Any:
    """What ``package.module:attribute`` names.

    Raises:
        LoadError: there is no such module or attribute, or the module raises when loaded.
    """
    module_name, _, attribute = path.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name + ".").startswith(error.name + "."):
            raise LoadError(f"there is no module {error.name!r}") from None
        raise LoadError(f"module {module_name!r} needs {error.name!r}, which is missing") from None
    except (Exception, SystemExit) as error:
        text = f"module {module_name!r} cannot be loaded: {type(error).__name__}: {error}"
        raise LoadError(text) from error
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise LoadError(f"{module_name!r} has no {attribute!r}") from None
    return found


def bound(stage: Stage | FinallyStage, context: StageContext) -> Callable[..., Any]:
    """Load a stage's code and fill in config and context.

    A class is made into an object, whose ``__call__`` is returned.
    """
    target = load(stage.import_path)
    given = dict(stage.config)
    if wants_context(target):
        given[CONTEXT] = context
    if stage.actor is None:
        return _with(target, given)
    call: Callable[..., Any] = target(**given).__call__
    return _with(call, {CONTEXT: context} if wants_context(call) else {})


def _with(target: Callable[..., Any], given: Mapping[str, Any]) -> Callable[..., Any]:
    return (lambda *arguments: target(*arguments, **given)) if given else target


def wrong_code(definition: PipelineDefinition) -> list[Violation]:
    """Everything about the stages' code that can be known without calling it."""
    listed = {f"stages[{index}]": it for index, it in enumerate(definition.stages) if it.enabled}
    last = {f"finally[{index}]": it for index, it in enumerate(definition.finally_)}
    letters = definition.dead_letters and definition.dead_letters.sink
    return [
        Violation(f"{path}.{field}", message)
        for path, stage in (listed | last | ({"deadLetters": letters} if letters else {})).items()
        for field, message in _wrong_stage(stage)
    ]


def _wrong_stage(stage: Stage | FinallyStage) -> Iterator[tuple[str, str]]:
    field = "actor" if stage.actor else "callable"
    try:
        target = load(stage.import_path)
    except LoadError as error:
        yield field, str(error)
        return
    if stage.actor and not inspect.isclass(target):
        yield field, f"{stage.import_path!r} is not a class; use callable for a function"
    elif stage.callable and inspect.isclass(target):
        yield field, f"{stage.import_path!r} is a class; use actor for it"
    elif not callable(target):
        yield field, f"{stage.import_path!r} cannot be called"
    elif stage.actor and "__call__" not in dir(target):
        yield field, f"{stage.import_path!r} has no __call__ method"
    else:
        mismatch = signature_mismatch(target, stage)
        if mismatch:
            yield "config", mismatch


def signature_mismatch(target: Callable[..., Any], stage: Stage | FinallyStage) -> str | None:
    """Why ``target`` cannot take the stage's config as keyword arguments, if so."""
    called_once = isinstance(stage, FinallyStage) or stage.type == "source"
    takes_row = not (called_once or inspect.isclass(target))
    extra = {CONTEXT: None} if wants_context(target) else {}
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return None  # built in, without a signature
    try:
        signature.bind(*((_ROW,) if takes_row else ()), **(stage.config | extra))
    except TypeError as error:
        return f"does not fit {stage.import_path}{signature}: {error}"
    return None


def wants_context(target: Callable[..., Any]) -> bool:
    """Whether stage code names a parameter ``context``."""
    try:
        return CONTEXT in inspect.signature(target).parameters
    except (TypeError, ValueError):
        return False
