"""Gathering the facts that a decision is made from."""

from collections.abc import Callable, Iterator

from pipelinerun.api import graph
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.prepare import prepare
from pipelinerun.api.run import Retries
from pipelinerun.api.violations import InvalidDefinitionError
from pipelinerun.controller.realiser import Realiser
from pipelinerun.controller.runs import Run
from pipelinerun.core import reasons
from pipelinerun.core.observed import Observed, Refusal

NamespaceAllowed = Callable[[str], bool]


def observe(
    run: Run, realiser: Realiser, namespace_allowed: NamespaceAllowed, status_age: float
) -> tuple[Observed, PipelineJob | None]:
    """The facts about a run, and the job to start if the decision is to start one."""
    number = run.status.attempt
    sighting = realiser.sighting(run.uid, number) if number else None
    if run.finished or run.status.phase in {"Starting", "Running"}:
        return (
            Observed(
                status=run.status,
                generation=run.generation,
                retries=run.spec.retries if run.spec else Retries(),
                sighting=sighting,
                realiser_ready=realiser.ready,
                status_age=status_age,
            ),
            None,
        )
    job, refusal = _next_job(run, namespace_allowed)
    observed = Observed(
        status=run.status,
        generation=run.generation,
        retries=run.spec.retries if run.spec else Retries(),
        stage_names=tuple(stage.name for stage in graph.stage_line(job.definition)) if job else (),
        refusal=refusal,
        wait=None if refusal else realiser.wait(run),
        worker=realiser.worker,
        realiser_ready=realiser.ready,
        status_age=status_age,
    )
    return observed, job


def _next_job(
    run: Run, namespace_allowed: NamespaceAllowed
) -> tuple[PipelineJob | None, Refusal | None]:
    if run.spec is None:
        return None, _invalid(run.invalid)
    refusal = next(_not_allowed(run, namespace_allowed), None)
    if refusal is not None:
        return None, refusal
    identity = RunIdentity(
        name=run.name,
        namespace=run.namespace,
        uid=run.uid,
        attempt=(run.status.attempt or 0) + 1,
    )
    try:
        return prepare(run.spec, identity), None
    except InvalidDefinitionError as error:
        return None, _invalid(error)


def _not_allowed(run: Run, namespace_allowed: NamespaceAllowed) -> Iterator[Refusal]:
    if run.spec is not None and run.spec.mode != "InProcess":
        text = f"this operator does not run mode {run.spec.mode}; set spec.mode to InProcess"
        yield Refusal(reasons.MODE_NOT_SUPPORTED, text)
    if not namespace_allowed(run.namespace):
        text = f"this operator does not allow in-process runs in namespace {run.namespace}"
        yield Refusal(reasons.NAMESPACE_NOT_ALLOWED, text)


def _invalid(error: InvalidDefinitionError | None) -> Refusal:
    listed = (str(violation.under("spec")) for violation in error.violations) if error else ()
    return Refusal(reasons.INVALID_DEFINITION, "; ".join(listed))
