"""``pipelinerun operator``."""

import os
import secrets
import socket
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from pipelinerun.api.spec import PodTemplate
from pipelinerun.cli.options import IN_PROCESS, LogFormat, RayCpus, RayObjectStore, setting

_ELECTION = "Leader election"
_WORKERS = "Worker pods"
_HISTORY = "History"
_CONNECTION = "Connection"
_LOG = "Log and health"


def _kubeconfig(text: str) -> str:
    if not any(Path(part).expanduser().is_file() for part in text.split(os.pathsep)):
        raise typer.BadParameter(f"there is no file {text!r}")
    return text


def _selector(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("selects nothing")
    return text


def _template(path: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(Path(path).read_text())
        return PodTemplate.model_validate(document or {}).model_dump(by_alias=True)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise typer.BadParameter(f"{path}: {error}") from None


def _name(*, unique: bool) -> str:
    """The host's name. Where operators elect a leader, two on a host are two."""
    return f"{socket.gethostname()}-{secrets.token_hex(4)}" if unique else socket.gethostname()


def operator(
    namespaces: Annotated[
        list[str] | None,
        setting(
            "--namespace",
            "-n",
            metavar="NAME",
            help="Namespace to watch; may be given several times. All when left out.",
        ),
    ] = None,
    namespace_selector: Annotated[
        str | None,
        setting(
            parser=_selector,
            metavar="LABELS",
            help="Carry out runs in namespaces with these labels, such as shard=a; in place of -n. "
            "Needs --no-in-process.",
        ),
    ] = None,
    identity: Annotated[
        str | None,
        setting(
            metavar="NAME",
            help="Name of this operator, shown as the worker of its runs. The host's by default; "
            "with --leader-elect one of its own, else no other operator may have it.",
        ),
    ] = None,
    leader_elect: Annotated[
        bool,
        setting(
            rich_help_panel=_ELECTION,
            help="Act only while holding a lease, so that there may be several operators.",
        ),
    ] = False,
    lease_name: Annotated[
        str | None,
        setting(
            metavar="NAME",
            rich_help_panel=_ELECTION,
            help="Name of the Lease. One for each selector of namespaces when left out.",
        ),
    ] = None,
    lease_namespace: Annotated[
        str | None,
        setting(
            metavar="NAME",
            rich_help_panel=_ELECTION,
            help="Namespace of the Lease; the operator's own when left out.",
        ),
    ] = None,
    lease_duration: Annotated[
        int,
        setting(
            min=3,
            metavar="SECONDS",
            rich_help_panel=_ELECTION,
            help="Time after which another operator takes over from one that is not heard of.",
        ),
    ] = 15,
    in_process: Annotated[
        bool,
        setting(
            rich_help_panel=IN_PROCESS,
            help="Whether there are in-process runs at all.",
        ),
    ] = True,
    in_process_namespaces: Annotated[
        list[str] | None,
        setting(
            "--in-process-namespace",
            metavar="NAME",
            rich_help_panel=IN_PROCESS,
            help="Namespace whose runs may use mode InProcess; may be given several times. "
            "The operator's own when left out.",
        ),
    ] = None,
    in_process_capacity: Annotated[
        int,
        setting(
            min=1,
            metavar="N",
            rich_help_panel=IN_PROCESS,
            help="In-process runs at once.",
        ),
    ] = 2,
    gateway: Annotated[
        Path | None,
        setting(
            metavar="SOCKET",
            rich_help_panel=IN_PROCESS,
            help="Unix socket of a `pipelinerun gateway` with the Ray for in-process runs. "
            "One is started when left out.",
        ),
    ] = None,
    ray_cpus: RayCpus = None,
    ray_object_store: RayObjectStore = None,
    worker_image: Annotated[
        str | None,
        setting(
            metavar="IMAGE",
            rich_help_panel=_WORKERS,
            help="Image of worker pods. Runs with mode Subprocess are refused when left out.",
        ),
    ] = None,
    worker_pod_template: Annotated[
        dict[str, Any] | None,
        setting(
            parser=_template,
            metavar="FILE",
            rich_help_panel=_WORKERS,
            help="YAML with metadata and spec, laid over every worker pod; a run's own podTemplate "
            "goes over it.",
        ),
    ] = None,
    succeeded_history_limit: Annotated[
        int | None,
        setting(
            min=0,
            metavar="N",
            rich_help_panel=_HISTORY,
            help="Succeeded runs that stay in each namespace; the oldest of more are deleted. "
            "All stay when left out.",
        ),
    ] = None,
    failed_history_limit: Annotated[
        int | None,
        setting(
            min=0,
            metavar="N",
            rich_help_panel=_HISTORY,
            help="Failed and cancelled runs that stay in each namespace. All when left out.",
        ),
    ] = None,
    http_port: Annotated[
        int | None,
        setting(
            min=1,
            max=65535,
            metavar="PORT",
            rich_help_panel=_LOG,
            help="Port of /healthz, /readyz and /metrics; none when left out.",
        ),
    ] = None,
    kubeconfig: Annotated[
        str | None,
        setting(
            parser=_kubeconfig,
            metavar="FILE",
            envvar="KUBECONFIG",
            rich_help_panel=_CONNECTION,
            help="Credentials for the API server. The pod's own in a cluster when left out.",
        ),
    ] = None,
    context: Annotated[
        str | None,
        setting(
            metavar="NAME",
            rich_help_panel=_CONNECTION,
            help="Context of the kubeconfig.",
        ),
    ] = None,
    api_qps: Annotated[
        float,
        setting(
            min=1,
            metavar="N",
            rich_help_panel=_CONNECTION,
            help="Requests to the API server a second, apart from watches.",
        ),
    ] = 50.0,
    api_burst: Annotated[
        int,
        setting(
            min=1,
            metavar="N",
            rich_help_panel=_CONNECTION,
            help="Requests at once after a quiet time.",
        ),
    ] = 100,
    log_format: Annotated[
        LogFormat,
        setting(rich_help_panel=_LOG, help="Form of the log, also of in-process runs."),
    ] = LogFormat.CONSOLE,
    verbose: Annotated[
        bool,
        setting("--verbose", "-v", rich_help_panel=_LOG, help="Log more."),
    ] = False,
) -> None:
    """Run the operator, in a cluster or against the one that the kubeconfig names.

    Options may come from the environment as well: `PIPELINERUN_HTTP_PORT` is `--http-port`. Those
    that may be given several times have names in the plural there, and blanks between the values.

    **Examples**

    - `pipelinerun operator`
    - `pipelinerun operator -n team-a -n team-b --in-process-namespace team-a`
    """
    from kubernetes.aio.config import ConfigException  # noqa: PLC0415 - takes a second to load

    from pipelinerun.controller.history import HistoryLimits  # noqa: PLC0415
    from pipelinerun.controller.operator import run_operator  # noqa: PLC0415 - loads kopf too
    from pipelinerun.controller.settings import (  # noqa: PLC0415
        LeaseSettings,
        OperatorSettings,
        default_lease_name,
    )

    if namespace_selector is not None and namespaces:
        raise typer.BadParameter("has no place beside -n", param_hint="--namespace-selector")
    if namespace_selector is not None and in_process:
        # A run that was handed over could not be ended at the gateway of another operator.
        raise typer.BadParameter("needs --no-in-process", param_hint="--namespace-selector")
    lease = LeaseSettings(
        name=lease_name or default_lease_name(namespace_selector),
        namespace=lease_namespace,
        duration=lease_duration,
    )
    settings = OperatorSettings(
        namespaces=tuple(namespaces or ()),
        namespace_selector=namespace_selector,
        lease=lease if leader_elect else None,
        in_process=in_process,
        gateway=gateway,
        http_port=http_port,
        in_process_namespaces=tuple(in_process_namespaces) if in_process_namespaces else None,
        in_process_capacity=in_process_capacity,
        ray_cpus=ray_cpus,
        ray_object_store=ray_object_store,
        worker_image=worker_image,
        worker_template=worker_pod_template or {},
        history=HistoryLimits(succeeded_history_limit, failed_history_limit),
        identity=identity or _name(unique=leader_elect),
        kubeconfig=kubeconfig,
        context=context,
        api_qps=api_qps,
        api_burst=api_burst,
        log_format=log_format.value,
        verbose=verbose,
    )
    try:
        ended_in_order = run_operator(settings)
    except ConfigException as error:
        raise typer.BadParameter(str(error), param_hint="--kubeconfig") from None
    if not ended_in_order:
        raise typer.Exit(1)
