"""``pipelinerun delete``."""

import typer

from pipelinerun.cli.cluster.options import Context, Kubeconfig, Namespace, RunNames
from pipelinerun.cli.cluster.printing import printed
from pipelinerun.cli.cluster.session import cluster, for_each


def delete(
    names: RunNames,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Delete runs with their pods and logs; what still runs is ended.

    `pipelinerun cancel` ends a run and keeps it.

    **Examples**

    - `pipelinerun delete text`
    - `pipelinerun delete $(pipelinerun list --phase Succeeded -o name)`
    """
    with cluster(kubeconfig, context, namespace) as runs:

        def act(name: str) -> None:
            run = runs.get(name)
            runs.delete(run)
            typer.echo(printed(run, None, "deleted"))

        for_each(names, act)
