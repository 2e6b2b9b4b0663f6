"""``pipelinerun gateway``."""

from pathlib import Path
from typing import Annotated

import typer

from pipelinerun.cli.options import LogFormat, RayCpus, RayObjectStore, setting


def gateway(
    gateway: Annotated[
        Path,
        setting(
            metavar="SOCKET",
            help="Unix socket to listen at; `pipelinerun operator` is given the same.",
        ),
    ],
    ray_cpus: RayCpus = None,
    ray_object_store: RayObjectStore = None,
    log_format: Annotated[
        LogFormat,
        setting(help="Form of the log, and of the lines that runs print there."),
    ] = LogFormat.CONSOLE,
) -> None:
    """Keep the Ray of in-process runs, in a container beside the operator's.

    What stages do stays in this container: it needs no credentials for the cluster. Options may
    come from the environment as well: `PIPELINERUN_GATEWAY` is `--gateway`.

    **Example**

    - `pipelinerun gateway --gateway /run/pipelinerun/gateway.sock --ray-object-store 1Gi`
    """
    from pipelinerun.controller.inprocess.server import serve_socket  # noqa: PLC0415 - loads Ray

    try:
        serve_socket(
            gateway,
            cpus=ray_cpus,
            object_store=ray_object_store,
            log_format=log_format.value,
        )
    except OSError as error:
        raise typer.BadParameter(f"{gateway}: {error}", param_hint="--gateway") from None
