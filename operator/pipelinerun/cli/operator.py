"""``pipelinerun operator``."""

import socket
from enum import StrEnum
from typing import Annotated

import typer

from pipelinerun.api.quantity import parse_quantity


class LogFormat(StrEnum):
    """Forms of the operator's log."""

    CONSOLE = "console"
    JSON = "json"


def _quantity(text: str) -> int:
    try:
        return parse_quantity(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def operator(
    namespaces: Annotated[
        list[str] | None,
        typer.Option(
            "--namespace",
            "-n",
            envvar="PIPELINERUN_NAMESPACES",
            help="Namespace to watch; may be given several times. All when left out.",
        ),
    ] = None,
    in_process_namespaces: Annotated[
        list[str] | None,
        typer.Option(
            "--in-process-namespace",
            envvar="PIPELINERUN_IN_PROCESS_NAMESPACES",
            help="Namespace whose runs may use mode InProcess; may be given several times. "
            "The operator's own when left out.",
        ),
    ] = None,
    in_process_capacity: Annotated[
        int,
        typer.Option(
            min=1, envvar="PIPELINERUN_IN_PROCESS_CAPACITY", help="In-process runs at once."
        ),
    ] = 2,
    ray_address: Annotated[
        str | None,
        typer.Option(
            envvar="PIPELINERUN_RAY_ADDRESS",
            help="Ray for in-process runs, such as 127.0.0.1:6379. One is started when left out.",
        ),
    ] = None,
    ray_cpus: Annotated[
        int | None,
        typer.Option(min=1, envvar="PIPELINERUN_RAY_CPUS", help="CPUs of the Ray that is started."),
    ] = None,
    ray_object_store: Annotated[
        int | None,
        typer.Option(
            parser=_quantity,
            metavar="QUANTITY",
            envvar="PIPELINERUN_RAY_OBJECT_STORE",
            help="Object store of the Ray that is started, such as 2Gi.",
        ),
    ] = None,
    identity: Annotated[
        str | None,
        typer.Option(
            envvar="PIPELINERUN_IDENTITY",
            help="Name of this operator, shown as the worker of its runs. The host's by default.",
        ),
    ] = None,
    kubeconfig: Annotated[
        str | None, typer.Option(envvar="KUBECONFIG", help="Credentials for the API server.")
    ] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
    log_format: Annotated[
        LogFormat, typer.Option(envvar="PIPELINERUN_LOG_FORMAT", help="Form of the log.")
    ] = LogFormat.CONSOLE,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Run the operator, in a cluster or against the one that the kubeconfig names.

    **Examples**

    - `pipelinerun operator`
    - `pipelinerun operator -n team-a -n team-b --in-process-namespace team-a`
    """
    from pipelinerun.controller.operator import run_operator  # noqa: PLC0415 - loads kopf
    from pipelinerun.controller.settings import OperatorSettings  # noqa: PLC0415

    run_operator(
        OperatorSettings(
            namespaces=tuple(namespaces or ()),
            in_process_namespaces=tuple(in_process_namespaces) if in_process_namespaces else None,
            in_process_capacity=in_process_capacity,
            ray_address=ray_address,
            ray_cpus=ray_cpus,
            ray_object_store=ray_object_store,
            identity=identity or socket.gethostname(),
            kubeconfig=kubeconfig,
            context=context,
            log_format=log_format.value,
            verbose=verbose,
        )
    )
