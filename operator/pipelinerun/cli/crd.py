"""``pipelinerun crd``."""

import typer

from pipelinerun.api.crd import crd_yaml


def crd() -> None:
    """Print the CustomResourceDefinition.

    Install it with `pipelinerun crd | kubectl apply -f -`.
    """
    typer.echo(crd_yaml(), nl=False)
