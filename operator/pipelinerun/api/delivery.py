"""Jobs on their way to a worker pod: text small enough for an annotation."""

from pipelinerun.api.envelope import opened, sealed
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.violations import InvalidDefinitionError, Violation

LIMIT = 200 * 1024
"""Bytes of a packed job: Kubernetes takes 256 KiB for all annotations of an object."""


def pack(job: PipelineJob) -> str:
    """A job as text.

    Raises:
        InvalidDefinitionError: it is too large, compressed as it is.
    """
    packed = sealed(job.model_dump_json(by_alias=True, exclude_defaults=True))
    if len(packed) > LIMIT:
        size = f"{len(packed)} bytes when compressed, with the pipeline; {LIMIT} reach a worker pod"
        text = f"{size}. Build an image with the code instead"
        raise InvalidDefinitionError([Violation("code", text)])
    return packed


def unpack(text: str) -> PipelineJob:
    """The job that was packed.

    Raises:
        ValueError: it is none.
    """
    try:
        return PipelineJob.model_validate_json(opened(text))
    except ValueError as error:
        raise ValueError(f"not a packed job: {error}") from None
