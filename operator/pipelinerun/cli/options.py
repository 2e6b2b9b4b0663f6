"""Options that several commands have."""

from typing import Annotated

import typer

from pipelinerun.api.quantity import parse_quantity

IN_PROCESS = "In-process runs"


def _quantity(text: str) -> int:
    try:
        return parse_quantity(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


RayCpus = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        envvar="PIPELINERUN_RAY_CPUS",
        rich_help_panel=IN_PROCESS,
        help="CPUs of the Ray that is started.",
    ),
]
RayObjectStore = Annotated[
    int | None,
    typer.Option(
        parser=_quantity,
        metavar="SIZE",
        envvar="PIPELINERUN_RAY_OBJECT_STORE",
        rich_help_panel=IN_PROCESS,
        help="Object store of the Ray that is started, such as 2Gi.",
    ),
]
