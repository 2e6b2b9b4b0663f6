"""From a spec to a job: the same checks wherever a run is about to start."""

from collections.abc import Iterator, Sequence

from pipelinerun.api import checkpoints, graph, tasks
from pipelinerun.api.code_files import wrong_files
from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.params import effective_values, resolve
from pipelinerun.api.rules import broken_rules
from pipelinerun.api.spec import ParamValue, PipelineRunSpec
from pipelinerun.api.violations import InvalidDefinitionError, Violation


def prepare(spec: PipelineRunSpec, run: RunIdentity) -> PipelineJob:
    """Check a spec by every rule that needs no code and fill in its parameters.

    Raises:
        InvalidDefinitionError: all violations, with paths from the spec's root.
    """
    wrong = [
        *broken_rules(spec),
        *_given_twice(spec.params),
        *(violation.under("pipeline") for violation in graph.violations(spec.pipeline)),
        *(violation.under("code") for violation in wrong_files(spec.code)),
    ]
    if not wrong and spec.resume_from is not None:
        wrong = [*checkpoints.wrong_start(spec.pipeline, spec.resume_from)]
    if wrong:
        raise InvalidDefinitionError(wrong)
    given = {param.name: param.value for param in spec.params}
    definition = resolve(spec.pipeline, given)
    wrong = [it.under("pipeline") for it in _wrong_values(definition)]
    if wrong:
        raise InvalidDefinitionError(wrong)
    values = effective_values(spec.pipeline, given)
    identity = run.model_copy(update={"params": values})
    return PipelineJob(
        definition=definition,
        code=spec.code,
        ray=spec.ray,
        run=identity,
        resume_from=spec.resume_from,
    )


def check(definition: PipelineDefinition) -> None:
    """Check a definition by itself.

    Raises:
        InvalidDefinitionError: all violations, with paths from the definition's root.
    """
    wrong = wrong_definition(definition)
    if wrong:
        raise InvalidDefinitionError(wrong)


def wrong_definition(definition: PipelineDefinition) -> list[Violation]:
    """All violations of a definition by itself, with paths from its root."""
    wrong = [*broken_rules(definition), *graph.violations(definition)]
    return wrong or [*_wrong_values(definition)]


def _wrong_values(definition: PipelineDefinition) -> Iterator[Violation]:
    """What is wrong with values in which parameters may stand, in a graph without violations."""
    yield from checkpoints.wrong_checkpoints(definition)
    yield from tasks.wrong_patterns(definition)


def _given_twice(params: Sequence[ParamValue]) -> Iterator[Violation]:
    names = [param.name for param in params]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Violation(f"params[{index}].name", f"{name!r} is given twice")
