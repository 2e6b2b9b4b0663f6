"""Names of the API: group, version, kind and everything derived from them."""

GROUP = "pipelinerun.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "PipelineRun"
PLURAL = "pipelineruns"
SINGULAR = "pipelinerun"
SHORT_NAME = "prun"

MAX_STAGES = 500
"""Upper bound of a definition's stages; CEL cost estimates need one."""
