"""Supplying a run with what its image lacks, before anything of it is loaded."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipelinerun.api.code_files import with_repository
from pipelinerun.api.exit_codes import TERMINATED, ExitCode
from pipelinerun.api.job import Fetched, PipelineJob
from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.status import Failure, FailureClass
from pipelinerun.api.violations import InvalidDefinitionError
from pipelinerun.engine import packages
from pipelinerun.engine.errors import PackagesError, StoppedError, SupplyError
from pipelinerun.engine.packages import Packages, packages_of, with_packages
from pipelinerun.engine.secrets import hidden


@dataclass(frozen=True)
class Supply:
    """A job that needs nothing from elsewhere.

    Attributes:
        job: with exact packages in place of requirements, and files in place of a repository.
        commit: of that repository.
    """

    job: PipelineJob
    commit: str | None = None


def supplied(job: PipelineJob, stopping: threading.Event) -> Supply:
    """A job with all that it names besides the image; its packages can be imported from here on.

    Raises:
        SupplyError: something cannot be had, or ``stopping`` was set meanwhile.
    """
    job = fetched(job, stopping)
    code, there = job.code, job.fetched
    with _told():
        if there is not None:
            code = with_repository(code, there.files)
        wanted = packages_of(code)
        if there is not None and there.requirements:
            wanted = Packages("uv", tuple(there.requirements))
        pins = packages.resolved(wanted, stopping)
        packages.use(packages.folder_of(pins, stopping))
    code = with_packages(code, pins)
    commit = None if there is None else there.commit
    return Supply(job.model_copy(update={"code": code, "fetched": None}), commit)


def fetched(job: PipelineJob, stopping: threading.Event) -> PipelineJob:
    """A job with what its repository holds, whose credentials only this process may have.

    Raises:
        SupplyError: it cannot be had, or ``stopping`` was set meanwhile.
    """
    git, uv = job.code.git, job.code.uv
    if git is None or job.fetched is not None:
        return job
    from pipelinerun.engine.repository import checkout  # noqa: PLC0415 - few runs need it

    locked = uv is not None and uv.project is not None
    with _told():
        found = checkout(git, projects=locked)
        lines = packages.locked(uv, found.projects, stopping) if uv and locked else []
    there = Fetched(commit=found.commit, files=found.files, requirements=lines)
    return job.model_copy(update={"fetched": there})


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except InvalidDefinitionError as error:
        raise _failed(ExitCode.INVALID_DEFINITION, "Config", str(error)) from error
    except PackagesError as error:
        kind: FailureClass = "Infrastructure" if error.transient else "Config"
        exit_code = ExitCode.CANNOT_START if error.transient else ExitCode.INVALID_DEFINITION
        raise _failed(exit_code, kind, f"{error.field}: {error}") from error
    except StoppedError as error:
        message = "the pipeline was stopped while its packages were installed"
        raise _failed(TERMINATED, "Cancelled", message, signal=15) from error


def _failed(
    exit_code: int, kind: FailureClass, message: str, signal: int | None = None
) -> SupplyError:
    failure = Failure(class_=kind, message=hidden(message)[:MESSAGE_LIMIT], signal=signal)
    return SupplyError(failure, exit_code)
