"""Options of all commands about runs on a cluster; they mean what they mean to kubectl."""

from typing import Annotated, Any

import typer

from pipelinerun.cli.cluster.completing import (
    contexts,
    finished_runs,
    namespaces,
    runs,
    suspended_runs,
    unfinished_runs,
)

_CONNECTION = "Connection"


def _argument(completion: Any, text: str = "Name of the run.") -> Any:
    return typer.Argument(metavar="RUN", autocompletion=completion, help=text)


def _arguments(completion: Any, text: str = "Names of runs.") -> Any:
    return typer.Argument(metavar="RUN", autocompletion=completion, help=text)


RunName = Annotated[str, _argument(runs)]
FinishedRun = Annotated[str, _argument(finished_runs, "Name of a finished run.")]
RunNames = Annotated[list[str], _arguments(runs)]
UnfinishedRuns = Annotated[list[str], _arguments(unfinished_runs)]
SuspendedRuns = Annotated[list[str], _arguments(suspended_runs)]

Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAME",
        rich_help_panel=_CONNECTION,
        autocompletion=namespaces,
        help="Namespace; the context's when left out.",
    ),
]
Kubeconfig = Annotated[
    str | None,
    typer.Option(
        "--kubeconfig",
        metavar="FILE",
        rich_help_panel=_CONNECTION,
        help="Credentials; $KUBECONFIG, else ~/.kube/config, when left out.",
    ),
]
Context = Annotated[
    str | None,
    typer.Option(
        "--context",
        metavar="NAME",
        rich_help_panel=_CONNECTION,
        autocompletion=contexts,
        help="Context of the kubeconfig; the current one when left out.",
    ),
]
