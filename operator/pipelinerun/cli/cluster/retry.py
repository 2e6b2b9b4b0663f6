"""``pipelinerun retry``."""

from typing import Annotated

import typer

from pipelinerun.cli.cluster.options import Context, FinishedRun, Kubeconfig, Namespace
from pipelinerun.cli.cluster.printing import Format, printed
from pipelinerun.cli.cluster.retried import (
    check_finished,
    retried,
    start_at,
    start_behind_last_checkpoint,
)
from pipelinerun.cli.cluster.session import cluster


def retry(
    run: FinishedRun,
    stage: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="STAGE",
            help="Start at a stage, with the rows in the checkpoint of the stage before it; "
            "the source starts anew.",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Start behind the last checkpoint that the run completed."),
    ] = False,
    output: Annotated[
        Format | None,
        typer.Option("--output", "-o", help="Form of the new run; one line when left out."),
    ] = None,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Run a finished run of a cluster again, as a new one.

    The new run has the same spec, but for `suspend` and `shutdown`, and the label
    `pipelinerun.dev/retry-of`. Labels by which GitOps tools know what is theirs are left out.

    **Examples**

    - `pipelinerun retry text`
    - `pipelinerun retry text --resume`
    - `pipelinerun wait $(pipelinerun retry text --from load -o name)`
    """
    if stage is not None and resume:
        raise typer.BadParameter("it cannot go with --resume", param_hint="--from")
    with cluster(kubeconfig, context, namespace) as runs:
        finished = runs.get(run)
        check_finished(finished)
        start = finished["spec"].get("resumeFrom")
        if resume:
            start = start_behind_last_checkpoint(finished)
        elif stage is not None:
            start = start_at(finished, stage)
        created = runs.create(retried(finished, start))
    done = f"created, starts at stage {start}" if start else "created"
    typer.echo(printed(created, output, done))
