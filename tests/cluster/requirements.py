"""What a machine has to have for a node, and how it comes by it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cluster.build import BuildError, console

PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "busybox": "busybox-static",
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
}
"""A program that shows that a Debian package is there."""


def check() -> None:
    """See that everything is there, and change nothing.

    Raises:
        BuildError: this machine cannot run a node; the message says why.
    """
    missing = _missing()
    if missing:
        raise BuildError(f"a node needs {', '.join(missing)}; `make e2e` installs them")


def provide() -> None:
    """Install the Debian packages that are missing.

    Raises:
        BuildError: this machine cannot run a node; the message says why.
    """
    missing = _missing()
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise BuildError(f"a node needs {', '.join(missing)}; install them")
    console.print(f"Installing {', '.join(missing)} …", highlight=False)
    install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    for command in (install, ["apt-get", "update"], install):
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
        if command is install and done.returncode == 0:
            return
    raise BuildError(f"`{' '.join(install)}` failed:\n{done.stderr[-1000:]}")


def _missing() -> list[str]:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise BuildError("a node needs root on Linux")
    return sorted({package for program, package in PACKAGES.items() if not _there(program)})


def _there(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else shutil.which(program) is not None
