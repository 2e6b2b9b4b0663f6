"""Gathering the facts that a decision is made from."""

from datetime import datetime

from pipelinerun.api.code import Code
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.prepare import prepare
from pipelinerun.api.ray import Ray
from pipelinerun.api.spec import Retries
from pipelinerun.api.status import UNDER_WAY_PHASES, PipelineRunStatus, Worker
from pipelinerun.api.topology import topology_of
from pipelinerun.api.violations import InvalidDefinitionError
from pipelinerun.controller.realiser import Sight
from pipelinerun.controller.runs import Run
from pipelinerun.core import reasons
from pipelinerun.core.ends import nowhere_yet
from pipelinerun.core.finishing import execution_of
from pipelinerun.core.observed import Observed, Refusal, Requests, Wait
from pipelinerun.core.retry import backing_off_for

FoundCode = Code | Wait | InvalidDefinitionError
"""The code of a run as files, why it is not there yet, or why it is none."""
FoundRay = Ray | Wait | InvalidDefinitionError
"""Where a run's Ray is, why that is not known yet, or why it never will be."""


def awaits_code(run: Run) -> bool:
    """Whether a run needs code from elsewhere before it may start."""
    return run.spec is not None and run.spec.code.config_map is not None and _waits(run)


def awaits_cluster(run: Run) -> bool:
    """Whether a run names a cluster that has to be found before it may start."""
    return run.spec is not None and run.spec.ray.cluster is not None and _waits(run)


def _waits(run: Run) -> bool:
    waits = run.status.phase not in UNDER_WAY_PHASES and run.status.phase != "Finishing"
    return waits and not run.finished and not _requests(run).hold


def observe(
    run: Run,
    realiser: Sight,
    status_age: float,
    now: datetime,
    *,
    surplus: bool = False,
    code: FoundCode | None = None,
    ray: FoundRay | None = None,
    leftover: str | None = None,
) -> tuple[Observed, PipelineJob | None]:
    """The facts about a run, and the job to start if the decision is to start one.

    Which execution it is to be is filled in by ``job_for``. ``code`` is what was found for a run
    that awaits some, and ``ray`` for one that names a cluster. ``leftover`` is the cluster that was
    made for an attempt which has ended, while it is there.
    """
    number = execution_of(run.status)
    sighting = realiser.sighting(run.uid, number) if number else None
    under_way = run.status.phase in UNDER_WAY_PHASES
    finishing = run.status.phase == "Finishing"
    to_start_again = realiser.restartable and nowhere_yet(run.status, sighting)
    requests = _requests(run)
    job, refusal = None, None
    last = finishing or (run.spec is not None and bool(run.spec.pipeline.finally_))
    may_attempt = not requests.hold and (not under_way or to_start_again)
    if not run.finished and (last or may_attempt):
        job, refusal = _job(run, realiser)
    if isinstance(code, InvalidDefinitionError):
        refusal = refusal or _invalid(code)
    elif isinstance(code, Code) and job is not None:
        job = job.model_copy(update={"code": code})
    if isinstance(ray, InvalidDefinitionError):
        refusal = refusal or _invalid(ray)
    elif isinstance(ray, Ray) and job is not None:
        job = job.model_copy(update={"ray": ray})
    # Only who could start now may wait for a place: whoever waits keeps others from it.
    may_start = not (run.finished or under_way or finishing or requests.hold or refusal)
    may_start = may_start and backing_off_for(run.status, now) <= 0
    return (
        Observed(
            status=run.status,
            generation=run.generation,
            uid=run.uid,
            created=run.created,
            requests=requests,
            retries=run.spec.retries if run.spec else Retries(),
            stage_names=_stage_names(job),
            refusal=None if under_way else refusal,
            wait=_wait(run, realiser, code, ray) if may_start else None,
            worker=realiser.worker(run, number + 1),
            finally_worker=_finally_worker(run, realiser, job),
            sighting=sighting,
            realiser_ready=realiser.ready,
            status_age=status_age,
            # One that is held has no job, and is told to end before it could start again.
            restartable=realiser.restartable and (job is not None or requests.hold),
            surplus=surplus,
            leftover=leftover,
        ),
        job,
    )


def job_for(job: PipelineJob, status: PipelineRunStatus) -> PipelineJob:
    """The job of the execution that a status names: an attempt, or the finally stages."""
    identity = job.run.model_copy(update={"attempt": execution_of(status)})
    return job.model_copy(update={"run": identity, "verdict": status.verdict})


def _requests(run: Run) -> Requests:
    spec = run.spec
    if spec is None:
        return Requests(ttl=run.ttl)
    return Requests(
        suspend=spec.suspend,
        shutdown=spec.shutdown,
        active_deadline=spec.active_deadline_seconds,
        pending_deadline=spec.pending_deadline_seconds,
        attempt_deadline=spec.attempt_deadline_seconds,
        finally_deadline=spec.finally_deadline_seconds,
        grace=spec.termination_grace_period_seconds,
        ttl=run.ttl,
    )


def _job(run: Run, realiser: Sight) -> tuple[PipelineJob | None, Refusal | None]:
    if run.spec is None:
        return None, _invalid(run.invalid)
    refusal = realiser.refusal(run)
    if refusal is not None:
        return None, refusal
    identity = RunIdentity(name=run.name, namespace=run.namespace, uid=run.uid)
    try:
        return prepare(run.spec, identity), None
    except InvalidDefinitionError as error:
        return None, _invalid(error)


def _wait(run: Run, realiser: Sight, code: FoundCode | None, ray: FoundRay | None) -> Wait | None:
    missing = next((it for it in (code, ray) if isinstance(it, Wait)), None)
    return missing or realiser.wait(run)


def _finally_worker(run: Run, realiser: Sight, job: PipelineJob | None) -> Worker | None:
    if job is None or not job.definition.finally_:
        return None
    handed_out = run.status.finally_.execution if run.status.finally_ else 0
    return realiser.worker(run, -handed_out - 1)


def _stage_names(job: PipelineJob | None) -> tuple[str, ...]:
    return tuple(topology_of(job.definition).stages) if job else ()


def _invalid(error: InvalidDefinitionError | None) -> Refusal:
    listed = (str(violation.under("spec")) for violation in error.violations) if error else ()
    return Refusal(reasons.INVALID_DEFINITION, "; ".join(listed))
