"""``pipelinerun wait``."""

from typing import Annotated

import typer

from pipelinerun.cli.cluster.ages import seconds_of
from pipelinerun.cli.cluster.ending import TROUBLE, end_of, finish
from pipelinerun.cli.cluster.options import Context, Kubeconfig, Namespace, RunName
from pipelinerun.cli.cluster.printing import Format
from pipelinerun.cli.cluster.session import cluster


def _seconds(text: str) -> float:
    try:
        return seconds_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        parser=_seconds,
        metavar="TIME",
        help="Wait no longer than this, such as 90s or 1h30m; without end when left out.",
    ),
]


def wait(
    name: RunName,
    timeout: Timeout = None,
    output: Annotated[
        Format | None,
        typer.Option("--output", "-o", help="Form of the run at its end; one line when left out."),
    ] = None,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Wait until a run is over, and end with its exit code.

    How it ended goes to stdout; where it is meanwhile, and why it failed, to stderr. The exit code
    is 255, and stdout empty, when something is wrong with the command or the cluster and not with
    the run; it is 254 when the time is over and the run is not. Trouble of the API server that
    passes does not end the command.

    **Examples**

    - `pipelinerun wait text --timeout 10m`
    - `pipelinerun wait $(pipelinerun submit run.yaml -o name)`
    """
    with cluster(kubeconfig, context, namespace, trouble=TROUBLE) as runs:
        finish(end_of(runs, runs.get(name), seconds=timeout), output)
