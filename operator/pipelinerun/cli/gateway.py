"""``pipelinerun gateway``."""

from pathlib import Path
from typing import Annotated

import typer

from pipelinerun.cli.options import RayCpus, RayObjectStore


def gateway(
    socket: Annotated[
        Path,
        typer.Option(
            "--gateway",
            metavar="SOCKET",
            envvar="PIPELINERUN_GATEWAY",
            help="Unix socket to listen at; `pipelinerun operator` is given the same.",
        ),
    ],
    ray_cpus: RayCpus = None,
    ray_object_store: RayObjectStore = None,
) -> None:
    """Keep the Ray of in-process runs, in a container beside the operator's.

    What stages do stays in this container: it needs no credentials for the cluster.

    **Example**

    - `pipelinerun gateway --gateway /run/pipelinerun/gateway.sock --ray-object-store 1Gi`
    """
    from pipelinerun.controller.inprocess.server import serve_socket  # noqa: PLC0415 - loads Ray

    try:
        serve_socket(socket, cpus=ray_cpus, object_store=ray_object_store)
    except OSError as error:
        raise typer.BadParameter(f"{socket}: {error}", param_hint="--gateway") from None
