"""The binaries of the control plane: found, or built once per version and kept in the cache."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import build
from tests.cluster.versions import COREDNS, ETCD, HELM, KUBERAY, KUBERNETES, PROMETHEUS

NEEDED = ("etcd", "kube-apiserver", "kubectl")
OF_A_NODE = ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")


@dataclass(frozen=True)
class Binaries:
    """Paths of the binaries."""

    etcd: Path
    kube_apiserver: Path
    kubectl: Path


def provide() -> Binaries:
    """Find the binaries, or build what is missing.

    Raises:
        build.BuildError: they are not there and cannot be built; the message says what to do.
    """
    found = find(os.environ, NEEDED)
    missing = [name for name in NEEDED if name not in found]
    if missing:
        folder = cache_folder(os.environ)
        with locked(folder):
            _build_missing(missing, folder)
        found |= {name: folder / name for name in missing}
    return Binaries(found["etcd"], found["kube-apiserver"], found["kubectl"])


def provide_node() -> dict[str, Path]:
    """The binaries that a node needs besides; always of our version.

    Raises:
        build.BuildError: they cannot be built; the message says what to do.
    """
    folder = cache_folder(os.environ)
    with locked(folder):
        _build_missing(OF_A_NODE, folder)
    return {name: folder / name for name in OF_A_NODE}


def provide_helm() -> Path:
    """Helm; always of our version. Raises as ``provide_node`` does."""
    return _provide("helm", helm_path().parent)


def helm_path() -> Path:
    """Where Helm is, once it has been built."""
    return _beside(f"helm-{HELM}") / "helm"


def provide_promtool() -> Path:
    """Prometheus' own tool for rules and metrics. Raises as ``provide_node`` does."""
    return _provide("promtool", _beside(f"prometheus-{PROMETHEUS}"))


def provide_coredns() -> Path:
    """The DNS server of a cluster. Raises as ``provide_node`` does."""
    return _provide("coredns", _beside(f"coredns-{COREDNS}"))


def provide_kuberay() -> Path:
    """KubeRay's operator. Raises as ``provide_node`` does."""
    return _provide("kuberay", _beside(f"kuberay-{KUBERAY}"))


def provide_ray_crds() -> Path:
    """A folder with KubeRay's CRDs. Raises as ``provide_node`` does."""
    return _provide(build.RAY_CRDS, _beside(f"kuberay-{KUBERAY}"))


def provide_ray_clusters() -> Path:
    """The CRD of RayClusters. Raises as ``provide_node`` does."""
    return provide_ray_crds() / "ray.io_rayclusters.yaml"


def find(environment: Mapping[str, str], names: tuple[str, ...]) -> dict[str, Path]:
    """What is there already: in KUBEBUILDER_ASSETS, else on PATH.

    The API server and etcd are taken only together, from the first place that has both.
    """
    assets = environment.get("KUBEBUILDER_ASSETS")
    places = [assets] if assets else []
    places.append(environment.get("PATH", os.defpath))
    servers = [name for name in names if name != "kubectl"]
    for place in places:
        paths = {name: shutil.which(name, path=place) for name in names}
        if all(paths[name] for name in servers):
            return {name: Path(path) for name, path in paths.items() if path and _works(name, path)}
    return {}


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where built binaries are kept, by version."""
    home = environment.get("XDG_CACHE_HOME") or str(Path(environment.get("HOME", "~")) / ".cache")
    versions = f"kubernetes-{KUBERNETES}-etcd-{ETCD}"
    return Path(home).expanduser() / "pipelinerun-operator" / versions


def _works(name: str, path: str) -> bool:
    """Whether a kubectl from PATH is one: some machines have wrappers that download it."""
    if name != "kubectl":
        return True
    command = [path, "version", "--client", "-o", "json"]
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _beside(name: str) -> Path:
    return cache_folder(os.environ).parent / name


def _provide(name: str, folder: Path) -> Path:
    with locked(folder):
        _build_missing([name], folder)
    return folder / name


def _build_missing(names: Iterable[str], folder: Path) -> None:
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        build.build(missing, folder)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Two processes must not build the same thing at once."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
