"""What an operator is started with."""

import hashlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelinerun.controller.history import HistoryLimits
from pipelinerun.controller.log import LogFormat

_LEASE = "pipelinerun-operator"


def default_lease_name(namespace_selector: str | None) -> str:
    """The name of the lease of the operators that share the same namespaces."""
    if namespace_selector is None:
        return _LEASE
    return f"{_LEASE}-{hashlib.sha256(namespace_selector.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class LeaseSettings:
    """The lease by which operators elect a leader.

    Attributes:
        name: of the Lease.
        namespace: of the Lease; None means the operator's own.
        duration: seconds after the last renewal for which nobody else takes it.
    """

    name: str
    namespace: str | None = None
    duration: int = 15


@dataclass(frozen=True)
class OperatorSettings:
    """Settings of one operator process.

    Attributes:
        namespaces: namespaces to watch; none means all.
        namespace_selector: labels of the namespaces whose runs are carried out; None means any.
        lease: to be held while acting; None means that there is no other operator.
        in_process_namespaces: namespaces whose runs may use mode InProcess; None means the
            operator's own.
        in_process_capacity: in-process runs at once.
        in_process: whether there are in-process runs at all.
        gateway: socket of a gateway that is there; None starts one that ends with the operator.
        http_port: where health and metrics are served; None for nowhere.
        ray_cpus: CPUs of the Ray that is started; None takes what the machine offers.
        ray_object_store: bytes of the object store of the Ray that is started.
        worker_image: image of worker pods; None refuses runs that need one.
        worker_template: laid over every worker pod, under the run's own template.
        api_qps: requests a second that it makes to the API server, apart from watches.
        api_burst: requests at once after a quiet time.
        history: how many finished runs stay in each namespace.
        identity: name of this operator instance, shown as the worker of in-process runs.
        kubeconfig: file to read credentials from; None follows kubectl's rules.
        context: context of the kubeconfig.
        log_format: for people or for machines.
        verbose: log what is decided for every run.
    """

    namespaces: tuple[str, ...] = ()
    namespace_selector: str | None = None
    lease: LeaseSettings | None = None
    in_process_namespaces: tuple[str, ...] | None = None
    in_process_capacity: int = 2
    in_process: bool = True
    gateway: Path | None = None
    http_port: int | None = None
    ray_cpus: int | None = None
    ray_object_store: int | None = None
    worker_image: str | None = None
    worker_template: Mapping[str, Any] = field(default_factory=dict)
    api_qps: float = 50.0
    api_burst: int = 100
    history: HistoryLimits = field(default_factory=HistoryLimits)
    identity: str = field(default_factory=socket.gethostname)
    kubeconfig: str | None = None
    context: str | None = None
    log_format: LogFormat = "console"
    verbose: bool = False
