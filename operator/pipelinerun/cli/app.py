"""The program: ``pipelinerun``, which is also a kubectl plug-in."""

import io
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from pipelinerun.cli.cluster.retry import retry
from pipelinerun.cli.crd import crd
from pipelinerun.cli.gateway import gateway
from pipelinerun.cli.operator import operator
from pipelinerun.cli.options import FROM_ENVIRONMENT
from pipelinerun.cli.run import run
from pipelinerun.cli.validate import validate

app = typer.Typer(
    name="pipelinerun",
    help="Run data pipelines on Ray, from the command line or as a Kubernetes resource.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(run)
app.command()(validate)
app.command()(retry)
app.command()(crd)
app.command(context_settings=FROM_ENVIRONMENT)(operator)
app.command(context_settings=FROM_ENVIRONMENT)(gateway)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("pipelinerun-operator"))
        raise typer.Exit


@app.callback()
def _program(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Run data pipelines on Ray, from the command line or as a Kubernetes resource."""


def main() -> None:
    """Entry point of the console scripts."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # where it cannot write a tick, ? will do
            stream.reconfigure(errors="replace")
    app()
