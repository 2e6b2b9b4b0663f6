"""What every command about runs on a cluster does around its own part."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from pipelinerun.api.exit_codes import ExitCode
from pipelinerun.cli.cluster.errors import ClusterError, told

if TYPE_CHECKING:
    from pipelinerun.cli.cluster.runs import Runs


@contextmanager
def cluster(
    kubeconfig: str | None,
    context: str | None,
    namespace: str | None,
    *,
    trouble: int = ExitCode.PIPELINE_ERROR,
) -> "Iterator[Runs]":
    """The runs of a namespace; what goes wrong in the block is told, and ends the command.

    Args:
        kubeconfig: option of the command.
        context: option of the command.
        namespace: option of the command.
        trouble: exit code of the command when something goes wrong.
    """
    with told(trouble):
        from pipelinerun.cli.cluster.connection import connection  # noqa: PLC0415 - loads long
        from pipelinerun.cli.cluster.runs import Runs  # noqa: PLC0415

        with connection(kubeconfig, context, namespace) as connected:
            yield Runs(connected)


def for_each(names: Iterable[str], act: Callable[[str], None]) -> None:
    """Do something for each name; what goes wrong with one is told, and ends the command last.

    Raises:
        typer.Exit: something went wrong.
    """
    wrong = 0
    for name in names:
        try:
            act(name)
        except ClusterError as error:
            typer.echo(f"Error: {error}", err=True)
            wrong += 1
    if wrong:
        raise typer.Exit(ExitCode.PIPELINE_ERROR)
