"""Names of the API: group, version, kind and everything derived from them."""

from typing import Final, Literal

GROUP = "pipelinerun.dev"
VERSION = "v1alpha1"
API_VERSION: Final[Literal["pipelinerun.dev/v1alpha1"]] = "pipelinerun.dev/v1alpha1"
KIND: Final[Literal["PipelineRun"]] = "PipelineRun"
PLURAL = "pipelineruns"
SINGULAR = "pipelinerun"
SHORT_NAME = "prun"

CONTAINER = "pipeline"
"""The container of a worker pod that runs the pipeline."""
LABEL_NAME = "app.kubernetes.io/name"
LABEL_RUN = f"{GROUP}/run"
LABEL_UID = f"{GROUP}/run-uid"
LABEL_ATTEMPT = f"{GROUP}/attempt"
LABEL_KEEP = f"{GROUP}/keep"
"""On a run, with the value true: the history's limits pass it over."""
LABEL_RETRY_OF = f"{GROUP}/retry-of"
"""On a run, the name of the one that it runs again."""
LABEL_FINALLY = f"{GROUP}/finally"
GIT_USERNAME = "PIPELINERUN_GIT_USERNAME"
GIT_PASSWORD = "PIPELINERUN_GIT_PASSWORD"  # noqa: S105 - the name of a variable
GIT_SSH_KEY = "PIPELINERUN_GIT_SSH_KEY"
GIT_KNOWN_HOSTS = "PIPELINERUN_GIT_KNOWN_HOSTS"
"""Variables with the credentials for a private repository."""
JOB_ANNOTATION = f"{GROUP}/job"
"""Where a worker pod carries its job."""

SECRET_VARIABLES = "PIPELINERUN_SECRET_VARIABLES"  # noqa: S105 - a name
"""Environment variable of a worker: names of those whose values come from Secrets."""
CLUSTER_TOKEN = "RAY_AUTH_TOKEN"  # noqa: S105 - a name
"""Environment variable with the token of a Ray cluster, as Ray's own commands have it."""

MAX_STAGES = 500
"""Upper bound of a definition's stages; CEL cost estimates need one."""
MAX_FINALLY = 10
"""Upper bound of a definition's finally stages."""
