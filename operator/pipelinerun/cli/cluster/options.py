"""Options of all commands about runs on a cluster; they mean what they mean to kubectl."""

from typing import Annotated

import typer

_CONNECTION = "Connection"

Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAME",
        rich_help_panel=_CONNECTION,
        help="Namespace of the run; the context's when left out.",
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
        help="Context of the kubeconfig; the current one when left out.",
    ),
]
