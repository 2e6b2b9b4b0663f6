"""``pipelinerun list`` and ``pipelinerun get``."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, get_args

import typer

from pipelinerun.api.status import Phase
from pipelinerun.cli.cluster.options import Context, Kubeconfig, Namespace, RunNames
from pipelinerun.cli.cluster.printing import Format, ListFormat, all_in_form, in_form
from pipelinerun.cli.cluster.reading import Body
from pipelinerun.cli.cluster.selecting import selected
from pipelinerun.cli.cluster.session import cluster
from pipelinerun.cli.cluster.table import run_table
from pipelinerun.cli.terminal import show

Output = Annotated[
    ListFormat | None,
    typer.Option("--output", "-o", help="Form of the runs; a table when left out."),
]


def _phase(text: str) -> str:
    phases: dict[str, str] = {phase.lower(): phase for phase in get_args(Phase)}
    if text.lower() not in phases:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(phases.values())}")
    return phases[text.lower()]


def list_runs(
    selector: Annotated[
        str | None,
        typer.Option("--selector", "-l", metavar="LABELS", help="Runs with these labels only."),
    ] = None,
    phases: Annotated[
        list[str] | None,
        typer.Option(
            "--phase",
            metavar="PHASE",
            parser=_phase,
            autocompletion=lambda: [*get_args(Phase)],
            help="Runs in this phase only, such as Failed; may be given several times.",
        ),
    ] = None,
    everywhere: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Runs of all namespaces.")
    ] = False,
    output: Output = None,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """List the runs of a cluster, the newest first. `ls` is the same.

    **Examples**

    - `pipelinerun list`
    - `pipelinerun list -A --phase Failed`
    - `pipelinerun list -l pipelinerun.dev/retry-of=text -o wide`
    - `pipelinerun delete $(pipelinerun list --phase Succeeded -o name)`
    """
    with cluster(kubeconfig, context, namespace) as runs:
        found = selected(runs.find(selector=selector, everywhere=everywhere), phases or ())
        where = "" if everywhere else f" in namespace {runs.namespace}"
    if not found and output in {None, ListFormat.WIDE}:
        typer.echo(f"No runs found{where}.", err=True)
    else:
        _print(found, output, namespaces=everywhere)


def get(
    names: RunNames,
    output: Output = None,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Show runs of a cluster in short, or whole as YAML or JSON.

    **Examples**

    - `pipelinerun get text`
    - `pipelinerun get text -o json | jq .status.exitCode`
    """
    with cluster(kubeconfig, context, namespace) as runs:
        found = [runs.get(name) for name in names]
    if output in {ListFormat.JSON, ListFormat.YAML} and len(found) == 1:
        typer.echo(in_form(found[0], Format(output)))
    else:
        _print(found, output)


def _print(runs: Sequence[Body], output: ListFormat | None, *, namespaces: bool = False) -> None:
    if output in {None, ListFormat.WIDE}:
        wide = output is ListFormat.WIDE
        show(run_table(runs, datetime.now(UTC), wide=wide, namespaces=namespaces))
    elif runs or output is not ListFormat.NAME:
        typer.echo(all_in_form(runs, Format(output)))
