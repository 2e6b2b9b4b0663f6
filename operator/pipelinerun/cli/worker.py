"""``pipelinerun worker``."""

from pathlib import Path
from typing import Annotated

import typer

from pipelinerun.worker.entrypoint import run_worker
from pipelinerun.worker.settings import WorkerSettings


def worker(
    job: Annotated[
        Path,
        typer.Argument(
            metavar="JOB", help="File with the packed job, as the operator mounts it into the pod."
        ),
    ],
    termination_message: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the outcome is written, as the kubelet wants it."),
    ] = None,
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Port of /progress, /metrics, /healthz; 0 takes any."),
    ] = 0,
    grace: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Time that the pipeline gets after SIGTERM before it is killed.",
        ),
    ] = 25.0,
) -> None:
    """Run one job as a worker pod does; for the operator, not for people.

    The pipeline's output is this command's, and so is its exit code.
    """
    raise typer.Exit(run_worker(WorkerSettings(job, termination_message, port, grace)))
