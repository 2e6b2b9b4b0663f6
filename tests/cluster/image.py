"""The product's image, built from the Dockerfile on a local base, without a registry."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from tests.cluster import requirements
from tests.cluster.binaries import cache_folder, locked
from tests.cluster.build import BuildError, progress
from tests.cluster.node import Cluster

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "localhost/pipelinerun-operator:test"
_BASE_PACKAGES = "python3,python3-venv,ca-certificates"
_RELEASE = "bookworm"
_BACKEND = "hatchling"


def build() -> Path:
    """Build the image; gives a folder in the OCI layout. Seconds when only the code has changed.

    Raises:
        BuildError: it cannot be built; the message says why.
    """
    requirements.check()
    folder = cache_folder(os.environ).parent / f"image-{_RELEASE}"
    with locked(folder):
        return _built(folder)


def _built(folder: Path) -> Path:
    wheels = _wheels(folder)
    base = _base(folder)
    layout = folder / "layout"
    with progress("Building the image"):
        built = _buildah(
            folder,
            *("build", "--quiet", "--layers", "--pull-never", "--tag", IMAGE),
            *("--build-arg", f"BASE_IMAGE={base}", "--build-arg", "PIP_NO_INDEX=1"),
            *("--build-context", f"wheels={wheels}", str(ROOT)),
        )
        pushed = folder / "pushed"
        if not pushed.exists() or pushed.read_text() != built:
            pushed.unlink(missing_ok=True)
            shutil.rmtree(layout, ignore_errors=True)
            push = ["push", "--quiet", "--format", "oci", "--compression-format", "zstd"]
            _buildah(folder, *push, IMAGE, f"oci:{layout}:test")
            pushed.write_text(built)
    return layout


def load(cluster: Cluster, layout: Path) -> None:
    """Hand the image to the node, but for the layers that it has."""
    (manifest,) = json.loads((layout / "index.json").read_text())["manifests"]
    content = json.loads(_blob(layout, manifest).read_text())
    manifest = {key: manifest[key] for key in ("mediaType", "digest", "size")}
    manifest["annotations"] = {"io.containerd.image.name": IMAGE}
    known = set(cluster.ctr("content", "ls", "-q").split())
    with tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            _add(tar, "oci-layout", {"imageLayoutVersion": "1.0.0"})
            _add(tar, "index.json", {"schemaVersion": 2, "manifests": [manifest]})
            for part in (manifest, content["config"], *content["layers"]):
                if part["digest"] not in known:
                    blob = _blob(layout, part)
                    tar.add(blob, str(blob.relative_to(layout)))
        archive.seek(0)
        cluster.ctr("images", "import", "-", stdin=archive)


def _wheels(folder: Path) -> Path:
    """Wheels of everything that the image holds, by the lock file."""
    lock = ROOT / "requirements.lock"
    mark = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    wheels = folder / f"wheels-{mark}"
    if not wheels.exists():
        for old in folder.glob("wheels-*"):
            shutil.rmtree(old)
        with progress("Downloading wheels"), tempfile.TemporaryDirectory(dir=folder) as scratch:
            _pip(scratch, "--require-hashes", "-r", str(lock))
            _pip(scratch, _BACKEND)
            Path(scratch).chmod(0o755)
            shutil.copytree(scratch, wheels)
    return wheels


def _pip(target: str, *arguments: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _run(sys.executable, "-m", "venv", folder)
        download = ["-m", "pip", "download", "--quiet", "--only-binary", ":all:", "-d", target]
        _run(f"{folder}/bin/python", *download, *arguments)


def _base(folder: Path) -> str:
    """A Debian with Python and nothing else."""
    name = f"localhost/base:{_RELEASE}"
    if _buildah(folder, "images", "--quiet", "--filter", f"reference={name}", check=False):
        return name
    with progress("Making a base image"), tempfile.TemporaryDirectory(dir=folder) as scratch:
        archive = f"{scratch}/base.tar"
        options = ["--quiet", "--variant=minbase", f"--include={_BASE_PACKAGES}"]
        _run("mmdebstrap", *options, _RELEASE, archive)
        container = _buildah(folder, "from", "scratch").strip()
        _buildah(folder, "add", "--quiet", container, archive, "/")
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        _buildah(folder, "config", "--env", path, "--cmd", "python3", container)
        _buildah(folder, "commit", "--quiet", "--rm", container, name)
    return name


def _buildah(folder: Path, *arguments: str, check: bool = True) -> str:
    storage = ["--root", str(folder / "storage"), "--runroot", str(folder / "run")]
    return _run("buildah", *storage, "--storage-driver", "overlay", *arguments, check=check)


def _run(*command: str, check: bool = True) -> str:
    environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if check and done.returncode != 0:
        raise BuildError(f"`{' '.join(command)}` failed:\n{done.stderr[-2000:]}")
    return done.stdout


def _blob(layout: Path, descriptor: dict[str, Any]) -> Path:
    return layout / "blobs" / str(descriptor["digest"]).replace(":", "/")


def _add(tar: tarfile.TarFile, name: str, document: object) -> None:
    data = json.dumps(document).encode()
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))
