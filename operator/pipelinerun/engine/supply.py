"""Supplying a run with what its image lacks, before anything of it is loaded."""

import threading

from pipelinerun.api.exit_codes import TERMINATED, ExitCode
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.limits import MESSAGE_LIMIT
from pipelinerun.api.status import Failure, FailureClass
from pipelinerun.engine import packages
from pipelinerun.engine.errors import PackagesError, StoppedError, SupplyError


def supplied(job: PipelineJob, stopping: threading.Event) -> PipelineJob:
    """The job with exact packages in place of requirements; they can be imported from here on.

    Raises:
        SupplyError: they cannot be had, or ``stopping`` was set meanwhile.
    """
    try:
        pins = packages.resolved(job.code.pip, stopping)
        packages.use(packages.folder_of(pins, stopping))
    except PackagesError as error:
        kind: FailureClass = "Infrastructure" if error.transient else "Config"
        code = ExitCode.CANNOT_START if error.transient else ExitCode.INVALID_DEFINITION
        message = f"code.pip: {error}"[:MESSAGE_LIMIT]
        raise SupplyError(Failure(class_=kind, message=message), code) from error
    except StoppedError as error:
        message = "the pipeline was stopped while its packages were installed"
        failure = Failure(class_="Cancelled", message=message, signal=15)
        raise SupplyError(failure, TERMINATED) from error
    exact = job.code.model_copy(update={"pip": [*pins]})
    return job.model_copy(update={"code": exact})
