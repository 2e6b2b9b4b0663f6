"""The program: ``pipelinerun``, which is also a kubectl plug-in."""

import io
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from pipelinerun.cli.cluster.delete import delete
from pipelinerun.cli.cluster.describe import describe
from pipelinerun.cli.cluster.ending import EndsAsARun
from pipelinerun.cli.cluster.listing import get, list_runs
from pipelinerun.cli.cluster.logs.command import logs
from pipelinerun.cli.cluster.options import Context, Kubeconfig, Namespace
from pipelinerun.cli.cluster.requests import cancel, resume, suspend
from pipelinerun.cli.cluster.retry import retry
from pipelinerun.cli.cluster.submit import submit
from pipelinerun.cli.cluster.wait import wait
from pipelinerun.cli.cluster.watch import watch
from pipelinerun.cli.completion import completion
from pipelinerun.cli.convert import convert
from pipelinerun.cli.crd import crd
from pipelinerun.cli.gateway import gateway
from pipelinerun.cli.graph import graph
from pipelinerun.cli.operator import operator
from pipelinerun.cli.options import FROM_ENVIRONMENT
from pipelinerun.cli.program import program
from pipelinerun.cli.run import run
from pipelinerun.cli.validate import validate

_ON_CLUSTER = "Runs on a cluster"
_HERE = "Without a cluster"
_OPERATOR = "The operator"

app = typer.Typer(
    name="pipelinerun",
    help="Run data pipelines on Ray, from the command line or as a Kubernetes resource.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(rich_help_panel=_ON_CLUSTER, cls=EndsAsARun)(submit)
app.command("list", rich_help_panel=_ON_CLUSTER)(list_runs)
app.command("ls", hidden=True)(list_runs)
app.command(rich_help_panel=_ON_CLUSTER)(get)
app.command(rich_help_panel=_ON_CLUSTER)(describe)
app.command(rich_help_panel=_ON_CLUSTER)(logs)
app.command(rich_help_panel=_ON_CLUSTER, cls=EndsAsARun)(watch)
app.command(rich_help_panel=_ON_CLUSTER, cls=EndsAsARun)(wait)
app.command(rich_help_panel=_ON_CLUSTER)(cancel)
app.command(rich_help_panel=_ON_CLUSTER)(suspend)
app.command(rich_help_panel=_ON_CLUSTER)(resume)
app.command(rich_help_panel=_ON_CLUSTER)(retry)
app.command(rich_help_panel=_ON_CLUSTER)(delete)
app.command(rich_help_panel=_HERE)(run)
app.command(rich_help_panel=_HERE)(validate)
app.command(rich_help_panel=_HERE)(convert)
app.command(rich_help_panel=_HERE)(graph)
app.command(rich_help_panel=_HERE)(completion)
app.command(rich_help_panel=_OPERATOR)(crd)
app.command(rich_help_panel=_OPERATOR, context_settings=FROM_ENVIRONMENT)(operator)
app.command(rich_help_panel=_OPERATOR, context_settings=FROM_ENVIRONMENT)(gateway)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("pipelinerun-operator"))
        raise typer.Exit


@app.callback()
def _program(
    invocation: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Run data pipelines on Ray, from the command line or as a Kubernetes resource."""
    given = {
        "namespace": namespace,
        "namespaces": [namespace] if namespace else None,  # the operator's
        "kubeconfig": kubeconfig,
        "context": context,
    }
    defaults = {name: value for name, value in given.items() if value is not None}
    if defaults and invocation.invoked_subcommand:
        invocation.default_map = {invocation.invoked_subcommand: defaults}


def main() -> None:
    """Entry point of the console scripts."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # where it cannot write a tick, ? will do
            stream.reconfigure(errors="replace")
    app(prog_name=program())
