import pytest

from pipelinerun.engine.job_client import JobState
from pipelinerun.execution.job_outcomes import of_job


@pytest.mark.parametrize(
    ("state", "ready", "stopped", "code", "kind"),
    [
        (JobState("STOPPED", None, None, ""), True, True, 143, "Cancelled"),
        (JobState("STOPPED", -9, None, ""), True, True, 137, "Cancelled"),
        (JobState("STOPPED", None, None, ""), True, False, 143, "Cancelled"),
        (JobState("FAILED", 3, "JOB_ENTRYPOINT_COMMAND_ERROR", ""), True, False, 3, "User"),
        (JobState("FAILED", -9, None, ""), True, False, 137, "Infrastructure"),
        (JobState("FAILED", -11, None, ""), True, False, 139, "User"),
        (JobState("FAILED", 1, None, ""), True, False, 1, "Infrastructure"),
        (JobState("FAILED", 1, None, ""), False, False, 125, "Infrastructure"),
        (JobState("FAILED", None, "JOB_SUPERVISOR_ACTOR_DIED", ""), True, False, 137, None),
        (JobState("FAILED", None, "RUNTIME_ENV_SETUP_FAILURE", ""), False, False, 125, None),
    ],
)
def test_what_a_cluster_says_of_a_job_gives_exit_code_and_class(
    state: JobState, ready: bool, stopped: bool, code: int, kind: str | None
) -> None:
    outcome = of_job(state, ready=ready, stopped=stopped)
    assert outcome.exit_code == code
    assert outcome.failure is not None
    assert outcome.failure.class_ == (kind or "Infrastructure")
    assert outcome.failure.message
