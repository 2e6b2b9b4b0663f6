"""``pipelinerun watch``."""

from typing import TYPE_CHECKING, Any

import typer

from pipelinerun.cli.cluster.ending import TROUBLE, finish
from pipelinerun.cli.cluster.options import Context, Kubeconfig, Namespace, RunName
from pipelinerun.cli.cluster.reading import Body, is_finished
from pipelinerun.cli.cluster.session import cluster
from pipelinerun.cli.cluster.views import view_on

if TYPE_CHECKING:
    from pipelinerun.cli.cluster.runs import Runs


def watch(
    name: RunName,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Watch the stages of a run until it is over, and end with its exit code.

    On a terminal it is a table that is drawn anew, elsewhere a line for each change. A bar shows
    how much a stage has taken of what the stage before it has given so far. The operator writes how
    far the stages are every ten seconds, so rates are those of that time. Exit codes are those of
    `pipelinerun wait`.

    **Example**

    - `pipelinerun watch text`
    """
    with cluster(kubeconfig, context, namespace, trouble=TROUBLE) as runs:
        try:
            end = _watched(runs, runs.get(name))
        except KeyboardInterrupt:
            typer.echo("\nStopped watching; the run goes on.", err=True)
            raise
        finish(end, None)


def _watched(runs: "Runs", run: dict[str, Any]) -> Body:
    """Show a run until it is over; returns it as it is then.

    Raises:
        ClusterError: the run was deleted.
    """
    from pipelinerun.cli.cluster.following import followed  # noqa: PLC0415 - takes long to load

    current: Body = run
    with view_on() as view:
        for current in followed(runs, run, seconds=None, tell=view.tell):
            view.update(current)
            if is_finished(current):
                break
    return current
