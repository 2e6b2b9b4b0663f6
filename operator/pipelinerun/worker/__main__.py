"""``python -m pipelinerun.worker``: what a worker pod runs. Loads as little as it can."""

import argparse
import os
import sys
from pathlib import Path

from pipelinerun.worker.entrypoint import run_worker
from pipelinerun.worker.settings import WorkerSettings

PLAIN = "PIPELINERUN_PLAIN_OUTPUT"
"""Environment variable that a pod template can set, for who reads the log without the product."""


def main() -> int:
    """Run one job; the pipeline's output is this command's, and so is its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelinerun.worker",
        description="Run one job as a worker pod does; for the operator, not for people.",
    )
    parser.add_argument("job", type=Path, help="file with the packed job")
    parser.add_argument(
        "--termination-message", type=Path, help="where the outcome is written for the kubelet"
    )
    parser.add_argument(
        "--port", type=int, default=0, help="of /progress, /metrics, /healthz; 0 takes any"
    )
    parser.add_argument(
        "--grace", type=float, default=25.0, help="seconds from SIGTERM until it is killed"
    )
    parser.add_argument(
        "--mark-stages",
        action="store_true",
        help=f"begin each line of a stage with its name; {PLAIN}=true in the environment undoes it",
    )
    given = parser.parse_args()
    settings = WorkerSettings(
        given.job,
        given.termination_message,
        given.port,
        given.grace,
        given.mark_stages and os.environ.get(PLAIN, "").lower() != "true",
    )
    return run_worker(settings)


if __name__ == "__main__":
    sys.exit(main())
