"""Supplying a run with what its image lacks, before anything of it is loaded."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipelinerun.api.code import with_repository
from pipelinerun.api.definition import Code
from pipelinerun.api.exit_codes import TERMINATED, ExitCode
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.status import Failure, FailureClass
from pipelinerun.api.violations import InvalidDefinitionError
from pipelinerun.engine import packages
from pipelinerun.engine.errors import PackagesError, RepositoryError, StoppedError, SupplyError
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
    supply = fetched(job)
    code = supply.job.code
    with _told():
        pins = packages.resolved(code.pip, stopping)
        packages.use(packages.folder_of(pins, stopping))
    exact = code.model_copy(update={"pip": [*pins]})
    return Supply(job.model_copy(update={"code": exact}), supply.commit)


def fetched(job: PipelineJob) -> Supply:
    """A job with files in place of a repository, whose credentials only this process may have.

    Raises:
        SupplyError: it cannot be had.
    """
    with _told():
        code, commit = _with_files(job.code)
    return Supply(job.model_copy(update={"code": code}), commit)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except InvalidDefinitionError as error:
        raise _failed(ExitCode.INVALID_DEFINITION, "Config", str(error)) from error
    except PackagesError as error:
        field = "code.git" if isinstance(error, RepositoryError) else "code.pip"
        kind: FailureClass = "Infrastructure" if error.transient else "Config"
        exit_code = ExitCode.CANNOT_START if error.transient else ExitCode.INVALID_DEFINITION
        raise _failed(exit_code, kind, f"{field}: {error}") from error
    except StoppedError as error:
        message = "the pipeline was stopped while its packages were installed"
        raise _failed(TERMINATED, "Cancelled", message, signal=15) from error


def _with_files(code: Code) -> tuple[Code, str | None]:
    if code.git is None:
        return code, None
    from pipelinerun.engine.repository import checkout  # noqa: PLC0415 - few runs need it

    found = checkout(code.git)
    return with_repository(code, found.files), found.commit


def _failed(
    exit_code: int, kind: FailureClass, message: str, signal: int | None = None
) -> SupplyError:
    failure = Failure(class_=kind, message=hidden(message)[:MESSAGE_LIMIT], signal=signal)
    return SupplyError(failure, exit_code)
