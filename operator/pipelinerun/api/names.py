"""Names of the API: group, version, kind and everything derived from them."""

from typing import Final, Literal

GROUP = "pipelinerun.dev"
VERSION = "v1alpha1"
API_VERSION: Final[Literal["pipelinerun.dev/v1alpha1"]] = "pipelinerun.dev/v1alpha1"
KIND: Final[Literal["PipelineRun"]] = "PipelineRun"
PLURAL = "pipelineruns"
SINGULAR = "pipelinerun"
SHORT_NAME = "prun"

MAX_STAGES = 500
"""Upper bound of a definition's stages; CEL cost estimates need one."""
