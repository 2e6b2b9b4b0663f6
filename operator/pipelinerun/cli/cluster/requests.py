"""``pipelinerun cancel``, ``suspend`` and ``resume``."""

from collections.abc import Callable, Iterable
from typing import Annotated

import typer

from pipelinerun.cli.cluster.options import (
    Context,
    Kubeconfig,
    Namespace,
    SuspendedRuns,
    UnfinishedRuns,
)
from pipelinerun.cli.cluster.printing import Format, printed
from pipelinerun.cli.cluster.reading import Body
from pipelinerun.cli.cluster.session import cluster, for_each
from pipelinerun.cli.cluster.wishes import Wish, to_cancel, to_resume, to_suspend

Output = Annotated[
    Format | None,
    typer.Option("--output", "-o", help="Form of the run; one line when left out."),
]


def cancel(
    names: UnfinishedRuns,
    drain: Annotated[
        bool,
        typer.Option(
            "--drain", help="Let what is in flight reach the sinks; only the sources stop."
        ),
    ] = False,
    output: Output = None,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """End runs; they stay, as Cancelled, with their logs.

    The pipeline is told to end, and killed after `terminationGracePeriodSeconds`. With `--drain` it
    may take as long as it needs; `cancel` without it ends it even then. The command does not wait
    for the end; `pipelinerun wait` does.

    **Examples**

    - `pipelinerun cancel text`
    - `pipelinerun cancel text --drain && pipelinerun wait text`
    """
    wish = to_cancel("Drain" if drain else "Terminate")
    _ask(names, wish, output, (kubeconfig, context, namespace))


def suspend(
    names: UnfinishedRuns,
    output: Output = None,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Hold runs: nothing starts, and what runs is ended without counting as a failure.

    `pipelinerun resume` lets them go on, behind their last checkpoint if they have one.

    **Example**

    - `pipelinerun suspend text`
    """
    _ask(names, to_suspend, output, (kubeconfig, context, namespace))


def resume(
    names: SuspendedRuns,
    output: Output = None,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Let suspended runs start again, with a new attempt.

    **Example**

    - `pipelinerun resume text`
    """
    _ask(names, to_resume, output, (kubeconfig, context, namespace))


def _ask(
    names: Iterable[str],
    wish: Callable[[Body], Wish],
    output: Format | None,
    connection: tuple[str | None, str | None, str | None],
) -> None:
    with cluster(*connection) as runs:

        def act(name: str) -> None:
            run = runs.get(name)
            wanted = wish(run)
            changed = runs.change(run, wanted.spec) if wanted.spec else run
            typer.echo(printed(changed, output, wanted.done))

        for_each(names, act)
