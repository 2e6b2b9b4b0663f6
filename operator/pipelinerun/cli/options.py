"""Options that several commands have."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from pipelinerun.api.quantity import parse_quantity

IN_PROCESS = "In-process runs"
FROM_ENVIRONMENT = {"auto_envvar_prefix": "PIPELINERUN"}
"""Context settings of a command whose options may come from the environment, by their names."""


def setting(*names: str, **options: Any) -> Any:
    """An option that ``--help`` shows without its variable: with it, 80 columns are too few."""
    return typer.Option(*names, show_envvar=False, **options)


class LogFormat(StrEnum):
    """Forms of a log."""

    CONSOLE = "console"
    JSON = "json"


def _quantity(text: str) -> int:
    try:
        return parse_quantity(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


RayCpus = Annotated[
    int | None,
    setting(
        min=1,
        metavar="N",
        rich_help_panel=IN_PROCESS,
        help="CPUs of the Ray that is started.",
    ),
]
RayObjectStore = Annotated[
    int | None,
    setting(
        parser=_quantity,
        metavar="SIZE",
        rich_help_panel=IN_PROCESS,
        help="Object store of the Ray that is started, such as 2Gi.",
    ),
]
