"""``pipelinerun describe``."""

from datetime import UTC, datetime

from pipelinerun.cli.cluster.advice import next_steps
from pipelinerun.cli.cluster.description import description
from pipelinerun.cli.cluster.options import Context, Kubeconfig, Namespace, RunName
from pipelinerun.cli.cluster.reading import status_of
from pipelinerun.cli.cluster.session import cluster
from pipelinerun.cli.program import program
from pipelinerun.cli.terminal import show


def describe(
    name: RunName,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Tell all about a run: stages, attempts, why it failed and what to do next.

    **Example**

    - `pipelinerun describe text`
    """
    with cluster(kubeconfig, context, namespace) as runs:
        run = runs.get(name)
        status = status_of(run)
        events = runs.events(run)
        steps = next_steps(run, status, program())
    show(description(run, status, events, steps, datetime.now(UTC)))
