"""What the death of an in-process driver stands for, by what Ray says of it."""

import pytest

from pipelinerun.controller.inprocess.judge import lost_or_ended
from pipelinerun.controller.inprocess.protocol import AttemptKey, Ended, Lost

KEY = AttemptKey(namespace="default", name="a", uid="a", number=1)
KILLED = """\
The actor died unexpectedly before finishing this task.
The actor died because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit
detail: Worker unexpectedly exits with a connection error code 2. End of file. Some common causes
include: (1) the process was killed by the OOM killer due to high memory usage, (2) ray stop --force
was called, or (3) the worker crashed unexpectedly due to SIGSEGV or another unexpected error."""
OUT_OF_MEMORY = "The actor was killed due to the node running low on memory."
LEFT = "Worker exit detail: Worker exits with an exit code 7."


def test_a_guess_of_rays_is_no_proof_that_memory_ran_out() -> None:
    end = lost_or_ended(KEY, KILLED)
    assert isinstance(end, Lost)
    assert end.message.endswith("End of file.")


@pytest.mark.parametrize(
    ("error", "exit_code", "kind"), [(OUT_OF_MEMORY, 137, "OutOfMemory"), (LEFT, 7, "User")]
)
def test_what_ray_knows_is_told(error: str, exit_code: int, kind: str) -> None:
    end = lost_or_ended(KEY, error)
    assert isinstance(end, Ended)
    assert end.outcome.failure is not None
    assert (end.outcome.exit_code, end.outcome.failure.class_) == (exit_code, kind)
